//! One layer in one line, in oneDNN's notation: `g1ic64oc384_ih14oh14kh1ph0_iw14ow14kw1pw0_n"features.8.expand"`. What is no
//! convolution says what it is first: `maxpool_ic64_ih14oh7kh3sh2ph1_iw14ow7kw3sw2pw1_n"stage1.pool"`. As in oneDNN, `ph` and `pw` are the
//! zeros above and on the left; how many are below and on the right follows from the result's size.

use std::fmt;
use std::str::FromStr;

use sartor_models::escape::{from_word, word};
use sartor_models::{Activation, Builder, Conv2d, Network, NodeId, Op, Padding, Shape, Window};

use super::network::{NAME, node_name};
use super::scan::{LineError, Part};
use crate::network::layers::{Layer, LayerOp, Layers, PoolKind};

/// A layer's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerLine {
    /// Images.
    pub batch: usize,
    /// What it computes.
    pub operator: Operator,
    /// Rows.
    pub rows: Axis,
    /// Columns.
    pub columns: Axis,
    /// The layer's name.
    pub name: String,
}

/// What a layer computes, and its channels. Fused activations and shortcuts are not part of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// A convolution or linear layer.
    Conv {
        /// Groups.
        groups: usize,
        /// Input channels.
        ic: usize,
        /// Output channels.
        oc: usize,
    },
    /// What keeps the channels.
    Each(Each, usize),
}

/// An operator that computes each channel by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// Largest value of a window.
    MaxPool,
    /// Mean of a window.
    AvgPool,
    /// Mean of the map.
    Mean,
    /// Product with a gate.
    Scale,
    /// Sum of two maps.
    Add,
    /// An elementwise function.
    Activation(Activation),
}

impl Each {
    fn word(self) -> String {
        match self {
            Each::MaxPool => "maxpool".into(),
            Each::AvgPool => "avgpool".into(),
            Each::Mean => "mean".into(),
            Each::Scale => "scale".into(),
            Each::Add => "add".into(),
            Each::Activation(act) => act.to_string(),
        }
    }

    fn of(word: &str) -> Option<Self> {
        let all = [Each::MaxPool, Each::AvgPool, Each::Mean, Each::Scale, Each::Add];
        all.into_iter().find(|each| each.word() == word).or_else(|| Activation::parse(word).map(Each::Activation))
    }
}

/// One dimension of the maps and of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Extent of the source.
    pub src: usize,
    /// Extent of the result.
    pub dst: usize,
    /// Extent of the window.
    pub kernel: usize,
    /// Stride of the window.
    pub stride: usize,
    /// Inputs from one tap to the next.
    pub dilation: usize,
    /// Zeros in front. Those behind follow from `dst`.
    pub padding: usize,
}

impl Axis {
    /// The zeros on both sides: as many behind as in front where that makes the result's size, and else the fewest that make it.
    fn padded(self) -> Padding {
        let both = Padding::both(self.padding);
        let window = sartor_ops::Axis { kernel: self.kernel, stride: self.stride, dilation: self.dilation, padding: both };
        let reach = || self.dst.checked_sub(1)?.checked_mul(self.stride)?.checked_add(window.reach()?);
        let (Some(reach), Some(front)) = (reach(), self.padding.checked_add(self.src)) else { return both };
        let unread = front.checked_add(self.padding).and_then(|room| room.checked_sub(reach));
        if unread.is_some_and(|unread| unread < self.stride) {
            both
        } else {
            Padding { after: reach.saturating_sub(front), ..both }
        }
    }
}

impl LayerLine {
    /// The line of a layer.
    pub fn of(layers: &Layers, layer: &Layer, batch: usize) -> Self {
        let dst = &layers.maps[layer.dst().0];
        let src = layer.sources().first().map_or(dst, |id| &layers.maps[id.0]);
        let each = |each| Operator::Each(each, src.c);
        let (operator, window) = match &layer.op {
            LayerOp::Conv(conv) => (Operator::Conv { groups: conv.groups, ic: conv.src_lanes.len(), oc: conv.oc }, conv.window),
            LayerOp::Depthwise(dw) => {
                let c = dw.bias.len();
                (Operator::Conv { groups: c, ic: c, oc: c }, dw.window)
            }
            LayerOp::Pool(pool) => {
                let kind = if pool.kind == PoolKind::Max { Each::MaxPool } else { Each::AvgPool };
                (each(kind), pool.window)
            }
            LayerOp::Mean { .. } => (each(Each::Mean), Window::new((src.h, src.w), (1, 1), Padding::around(0))),
            LayerOp::Scale { .. } => (each(Each::Scale), Window::POINT),
            LayerOp::Add { .. } => (each(Each::Add), Window::POINT),
            LayerOp::Activation { act, .. } => (each(Each::Activation(*act)), Window::POINT),
        };
        let axis = |src, dst, sartor_ops::Axis { kernel, stride, dilation, padding }| Axis {
            src,
            dst,
            kernel,
            stride,
            dilation,
            padding: padding.before,
        };
        let (rows, columns) = window.axes();
        Self { batch, operator, rows: axis(src.h, dst.h, rows), columns: axis(src.w, dst.w, columns), name: layer.name.clone() }
    }

    /// A network in which this layer stands alone. Convolutions of at most 4 channels read the images; in front of all others a 1x1 convolution
    /// of a one-channel image makes the map that they read, and is an output, so that it is not fused.
    ///
    /// # Errors
    /// If the sizes do not fit one another.
    pub(super) fn network(&self, line: Part<'_>) -> Result<Network, LineError> {
        let fault = |error| line.fault(error);
        let (rows, columns) = (self.rows, self.columns);
        let pair = |of: fn(Axis) -> usize| (of(rows), of(columns));
        let (kernel, stride, dilation) = (pair(|a| a.kernel), pair(|a| a.stride), pair(|a| a.dilation));
        let window = Window { kernel, stride, dilation, padding: (rows.padded(), columns.padded()) };
        let point = |oc| Op::Conv2d(Conv2d { oc, groups: 1, bias: false, window: Window::POINT });
        let (ic, op) = match self.operator {
            Operator::Conv { groups, ic, oc } => (ic, Op::Conv2d(Conv2d { oc, groups, bias: true, window })),
            Operator::Each(each, c) => {
                let op = match each {
                    Each::MaxPool => Op::MaxPool(window),
                    Each::AvgPool => Op::AvgPool(window),
                    Each::Mean => Op::GlobalAvgPool,
                    Each::Scale => Op::Mul,
                    Each::Add => Op::Add,
                    Each::Activation(act) => Op::Activation(act),
                };
                (c, op)
            }
        };
        let reads_image = matches!(self.operator, Operator::Conv { ic: ..=4, .. });
        let image = Shape::new(if reads_image { ic } else { 1 }, rows.src, columns.src);
        let mut builder = Builder::new(NAME, image).map_err(fault)?;
        let mut outputs: Vec<NodeId> = Vec::new();
        let mut nodes = 0;
        let mut add = |builder: &mut Builder, op, inputs: &[NodeId]| {
            nodes += 1;
            builder.add(node_name(nodes), op, inputs).map_err(fault)
        };
        let mut src = builder.input();
        if !reads_image {
            src = add(&mut builder, point(ic), &[src])?;
            outputs.push(src);
        }
        let inputs = match op {
            Op::Mul => vec![src, add(&mut builder, Op::GlobalAvgPool, &[src])?],
            Op::Add => vec![src, src],
            _ => vec![src],
        };
        let last = add(&mut builder, op, &inputs)?;
        let made = builder.shape(last);
        if (made.h, made.w) != (rows.dst, columns.dst) {
            return Err(line.fault(format_args!("the result is {}x{}, not {}x{}", made.h, made.w, rows.dst, columns.dst)));
        }
        outputs.push(last);
        builder.finish(&outputs).map_err(fault)
    }

    pub(super) fn parse(line: Part<'_>) -> Result<Self, LineError> {
        let (sizes, name) = line.split_once("_n\"").ok_or_else(|| line.fault("there is no _n\"NAME\" at the end"))?;
        let written = name.text.strip_suffix('"').ok_or_else(|| name.fault("the name does not end in '\"'"))?;
        let name = from_word(written).ok_or_else(|| name.fault("a '\\' in the name begins no escape: write '\\\\'"))?;
        let mut parts: Vec<Part<'_>> = sizes.split('_').collect();
        let mut batch = 1;
        if let Some(images) = parts.first().filter(|part| part.text.starts_with("mb")) {
            batch = images.sizes(&["mb"])?.need("mb")?;
            parts.remove(0);
        }
        let each = parts.first().and_then(|part| Each::of(part.text));
        if each.is_some() {
            parts.remove(0);
        }
        let [channels, rows, columns] = parts[..] else {
            return Err(sizes.fault("write [mbN_][OPERATOR_]CHANNELS_ROWS_COLUMNS, as ic64oc384_ih14oh14kh1ph0_iw14ow14kw1pw0"));
        };
        let operator = match each {
            Some(each) => Operator::Each(each, channels.sizes(&["ic"])?.need("ic")?),
            None => {
                let sizes = channels.sizes(&["g", "ic", "oc"])?;
                Operator::Conv { groups: sizes.need("g")?, ic: sizes.need("ic")?, oc: sizes.need("oc")? }
            }
        };
        let axis = |part: Part<'_>, keys: [&'static str; 6]| {
            let sizes = part.sizes(&keys)?;
            let [src, dst, kernel, stride, dilation, padding] = keys;
            Ok(Axis {
                src: sizes.need(src)?,
                dst: sizes.need(dst)?,
                kernel: sizes.need(kernel)?,
                stride: sizes.or(stride, 1),
                dilation: sizes.dilation(dilation, 0)?,
                padding: sizes.need(padding)?,
            })
        };
        let rows = axis(rows, ["ih", "oh", "kh", "sh", "dh", "ph"])?;
        let columns = axis(columns, ["iw", "ow", "kw", "sw", "dw", "pw"])?;
        Ok(Self { batch, operator, rows, columns, name })
    }
}

impl fmt::Display for LayerLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.images())?;
        if let Operator::Each(each, _) = self.operator {
            write!(f, "{}_", each.word())?;
        }
        write!(f, "{}_n\"{}\"", self.sizes(), word(&self.name))
    }
}

impl LayerLine {
    /// The line without its operator, if that is no convolution, and without the name.
    pub fn geometry(&self) -> String {
        self.images() + &self.sizes()
    }

    fn images(&self) -> String {
        if self.batch == 1 { String::new() } else { format!("mb{}_", self.batch) }
    }

    fn sizes(&self) -> String {
        let channels = match self.operator {
            Operator::Conv { groups, ic, oc } => format!("g{groups}ic{ic}oc{oc}"),
            Operator::Each(_, c) => format!("ic{c}"),
        };
        let axis = |x: char, axis: Axis| {
            let stride = if axis.stride == 1 { String::new() } else { format!("s{x}{}", axis.stride) };
            let dilation = if axis.dilation == 1 { String::new() } else { format!("d{x}{}", axis.dilation - 1) };
            format!("_i{x}{}o{x}{}k{x}{}{stride}{dilation}p{x}{}", axis.src, axis.dst, axis.kernel, axis.padding)
        };
        channels + &axis('h', self.rows) + &axis('w', self.columns)
    }
}

impl FromStr for LayerLine {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        Self::parse(Part { at: 0, text: line })
    }
}
