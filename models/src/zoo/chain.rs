//! Builds networks that are a chain of layers, except for shortcuts.

use super::{Spec, Variant};
use crate::graph::{Activation, Builder, Conv2d, GraphError, Network, NodeId, Op, Padding, Shape, Window};

pub type Result<T = ()> = std::result::Result<T, GraphError>;

/// A square convolution without bias that keeps the size at stride 1.
pub fn conv(oc: usize, kernel: usize, stride: usize) -> Conv2d {
    Conv2d { oc, groups: 1, bias: false, window: Window::square(kernel, stride, kernel / 2) }
}

/// The same as [`conv`], of each channel by itself.
pub fn depthwise(channels: usize, kernel: usize, stride: usize) -> Conv2d {
    Conv2d { groups: channels, ..conv(channels, kernel, stride) }
}

/// A 1x1 convolution with bias.
pub fn pointwise_with_bias(oc: usize) -> Conv2d {
    Conv2d { bias: true, ..conv(oc, 1, 1) }
}

/// Names of the members of a PyTorch `Sequential`: `prefix.0`, `prefix.1`, ...
pub struct Sequential {
    prefix: String,
    count: usize,
}

impl Sequential {
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), count: 0 }
    }

    /// The next member's name.
    pub fn name(&mut self) -> String {
        self.count += 1;
        format!("{}.{}", self.prefix, self.count - 1)
    }
}

/// A [`Builder`] with a current node. Each layer reads the current node and becomes it.
pub struct Chain {
    builder: Builder,
    variant: Variant,
    /// The current node.
    pub at: NodeId,
    /// The last map of each stride so far: 1, 2, 4, ...
    maps: Vec<NodeId>,
}

impl Chain {
    pub fn new(spec: &Spec) -> Result<Self> {
        let builder = Builder::new(spec.to_string(), Shape::new(3, spec.resolution.0, spec.resolution.1))?;
        let variant = spec.variant().unwrap_or(Variant::Torch);
        Ok(Self { at: builder.input(), builder, variant, maps: Vec::new() })
    }

    /// Channels of the current node.
    pub fn channels(&self) -> usize {
        self.builder.shape(self.at).c
    }

    /// Must be called before every stem, pool and block, with its stride.
    pub fn enter(&mut self, stride: usize) {
        if stride == 2 {
            self.maps.push(self.at);
        }
    }

    /// Adds a node that reads the current one.
    pub fn add(&mut self, name: impl Into<String>, op: Op) -> Result {
        self.join(name, op, &[self.at])
    }

    /// Adds a node that reads these nodes.
    pub fn join(&mut self, name: impl Into<String>, op: Op, inputs: &[NodeId]) -> Result {
        self.at = self.builder.add(name, op, inputs)?;
        Ok(())
    }

    /// Adds a convolution, with the variant's padding.
    pub fn conv(&mut self, name: impl Into<String>, conv: Conv2d) -> Result {
        let Window { kernel, stride, padding, .. } = conv.window;
        let src = self.builder.shape(self.at);
        let padding = match self.variant {
            Variant::Torch => padding,
            Variant::Tf => (Padding::same(src.h, kernel.0, stride.0), Padding::same(src.w, kernel.1, stride.1)),
        };
        self.add(name, Op::Conv2d(Conv2d { window: Window { padding, ..conv.window }, ..conv }))
    }

    /// Adds a batch norm, with the variant's epsilon.
    pub fn norm(&mut self, name: impl Into<String>) -> Result {
        let eps = match self.variant {
            Variant::Torch => 1e-5,
            Variant::Tf => 1e-3,
        };
        self.add(name, Op::BatchNorm { eps })
    }

    /// Adds an activation.
    pub fn act(&mut self, name: impl Into<String>, act: Activation) -> Result {
        self.add(name, Op::Activation(act))
    }

    /// Adds a convolution, a batch norm and, if given, an activation, as the next members of a `Sequential`.
    pub fn conv_norm_act(&mut self, seq: &mut Sequential, conv: Conv2d, act: Option<Activation>) -> Result {
        self.conv(seq.name(), conv)?;
        self.norm(seq.name())?;
        act.map_or(Ok(()), |act| self.act(seq.name(), act))
    }

    /// Adds the block's input to its result.
    pub fn shortcut(&mut self, block: &str, input: NodeId) -> Result {
        self.join(format!("{block}.add"), Op::Add, &[self.at, input])
    }

    /// Completes the network: with the head that the closure adds, or, without head, with the maps of strides 4, 8, 16 and 32 as outputs.
    pub fn finish(mut self, spec: &Spec, head: impl FnOnce(&mut Self) -> Result) -> Result<Network> {
        if spec.head {
            head(&mut self)?;
            self.builder.finish(&[self.at])
        } else {
            self.maps.push(self.at);
            self.builder.finish(&self.maps[2..])
        }
    }
}

/// Rounds `v` to a multiple of the divisor, which is at least the divisor and at least 0.9 `v` (TensorFlow's `_make_divisible`).
pub fn make_divisible(v: f64, divisor: usize) -> usize {
    let rounded = (v + divisor as f64 / 2.0) as usize / divisor * divisor;
    let rounded = rounded.max(divisor);
    if (rounded as f64) < 0.9 * v { rounded + divisor } else { rounded }
}

/// Rounds as Python's `int(round(v))` does: half to even.
pub fn round(v: f64) -> usize {
    v.round_ties_even() as usize
}
