//! The attributes of operators, in PyTorch's terms. Sizes that overflow panic: a wrapped length would let kernels write elsewhere.

use std::ops::Range;

/// A batch of activations: images, channels, rows, columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Maps {
    /// Images.
    pub n: usize,
    /// Channels.
    pub c: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
}

impl Maps {
    /// `n` images of `c` x `h` x `w`.
    pub const fn new(n: usize, c: usize, h: usize, w: usize) -> Self {
        Self { n, c, h, w }
    }

    /// Number of elements.
    ///
    /// # Panics
    /// If it overflows.
    pub const fn len(&self) -> usize {
        product(&[self.n, self.c, self.h, self.w])
    }

    /// Whether a dimension is zero.
    pub const fn is_empty(&self) -> bool {
        self.n == 0 || self.c == 0 || self.h == 0 || self.w == 0
    }

    /// Pixels of one channel of one image.
    ///
    /// # Panics
    /// If their number overflows.
    pub const fn pixels(&self) -> usize {
        product(&[self.h, self.w])
    }
}

/// The product of sizes.
///
/// # Panics
/// If it, or that of the first few, overflows.
pub(crate) const fn product(sizes: &[usize]) -> usize {
    let (mut product, mut i) = (1_usize, 0);
    while i < sizes.len() {
        product = product.checked_mul(sizes[i]).expect("the length of a map or of weights overflows");
        i += 1;
    }
    product
}

/// A window that slides over maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Height and width.
    pub kernel: (usize, usize),
    /// Vertical and horizontal stride.
    pub stride: (usize, usize),
    /// Of the rows and of the columns.
    pub padding: (Padding, Padding),
}

/// Inputs that are not there, in front of an axis and behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Padding {
    /// Above or on the left.
    pub before: usize,
    /// Below or on the right.
    pub after: usize,
}

impl Padding {
    /// As many on both sides.
    pub const fn both(inputs: usize) -> Self {
        Self { before: inputs, after: inputs }
    }

    /// As many on all four sides.
    pub const fn around(inputs: usize) -> (Self, Self) {
        (Self::both(inputs), Self::both(inputs))
    }
}

impl Window {
    /// A square window, with as much padding on all four sides.
    pub const fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel: (kernel, kernel), stride: (stride, stride), padding: Padding::around(padding) }
    }

    /// Elements of the window.
    ///
    /// # Panics
    /// If their number overflows.
    pub const fn taps(&self) -> usize {
        product(&[self.kernel.0, self.kernel.1])
    }

    /// The maps of `c` channels it makes of `src`.
    ///
    /// # Panics
    /// As [`Axis::output`].
    pub fn output(&self, src: Maps, c: usize) -> Maps {
        let (rows, columns) = self.axes();
        Maps { n: src.n, c, h: rows.output(src.h), w: columns.output(src.w) }
    }

    /// The window's rows and columns.
    pub const fn axes(&self) -> (Axis, Axis) {
        let rows = Axis { kernel: self.kernel.0, stride: self.stride.0, padding: self.padding.0 };
        (rows, Axis { kernel: self.kernel.1, stride: self.stride.1, padding: self.padding.1 })
    }
}

/// A window along one axis: tap `k` of output `o` reads input `o * stride + k - padding.before`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    /// Taps.
    pub kernel: usize,
    /// Inputs from one output to the next.
    pub stride: usize,
    /// Inputs that are not there. What is behind only adds outputs.
    pub padding: Padding,
}

impl Axis {
    /// Outputs over `size` inputs.
    ///
    /// # Panics
    /// If the window is larger than the padded input, that is larger than an `isize`, or the stride is zero.
    pub fn output(&self, size: usize) -> usize {
        let Padding { before, after } = self.padding;
        let padded = before.checked_add(after).and_then(|padding| padding.checked_add(size));
        let padded = padded.filter(|&padded| isize::try_from(padded).is_ok()).expect("the padded input's size overflows");
        assert!(padded >= self.kernel, "a window of {} is larger than the padded input of {padded}", self.kernel);
        (padded - self.kernel) / self.stride + 1
    }

    /// The taps of output `o`, one of [`output`](Self::output), that read one of `size` inputs, not padding.
    pub fn taps(&self, o: usize, size: usize) -> Range<usize> {
        let first = o * self.stride;
        let begin = self.padding.before.saturating_sub(first).min(self.kernel);
        begin..(size + self.padding.before).saturating_sub(first).clamp(begin, self.kernel)
    }

    /// The input that tap `k` of output `o` reads; `k` must be one of [`taps`](Self::taps).
    pub const fn input(&self, o: usize, k: usize) -> usize {
        o * self.stride + k - self.padding.before
    }

    /// The outputs, of the `outputs` that [`output`](Self::output) counts, for which tap `k` reads one of `size` inputs, not padding.
    pub fn outputs(&self, k: usize, size: usize, outputs: usize) -> Range<usize> {
        let begin = self.padding.before.saturating_sub(k).div_ceil(self.stride).min(outputs);
        begin..(size + self.padding.before).saturating_sub(k).div_ceil(self.stride).clamp(begin, outputs)
    }
}

/// A 2-d convolution; weights are `[oc, ic / groups, kh, kw]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// Output channels.
    pub oc: usize,
    /// Groups; divides input and output channels.
    pub groups: usize,
    /// Kernel, stride, padding.
    pub window: Window,
}

/// Elementwise functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `max(0, x)`
    Relu,
    /// `min(6, max(0, x))`
    Relu6,
    /// `x / (1 + exp(-x))`
    Silu,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
}

impl Activation {
    /// All of them.
    pub const ALL: [Activation; 4] = [Activation::Relu, Activation::Relu6, Activation::Silu, Activation::Sigmoid];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_and_outputs_agree_with_the_definition() {
        let paddings = (0..=3).flat_map(|before| (0..=3).map(move |after| Padding { before, after }));
        for (padding, kernel, stride, size) in
            paddings.flat_map(|p| (1..=5).flat_map(move |k| (1..=3).flat_map(move |s| (1..=9).map(move |n| (p, k, s, n)))))
        {
            let axis = Axis { kernel, stride, padding };
            let padded = padding.before + size + padding.after;
            if padded < kernel {
                continue;
            }
            // As many windows as fit, one after another.
            let outputs = axis.output(size);
            assert_eq!(outputs, (0..).take_while(|o| o * stride + kernel <= padded).count(), "{axis:?} size {size}");
            for o in 0..outputs {
                for k in 0..kernel {
                    let input = (o * stride + k).checked_sub(padding.before).filter(|&i| i < size);
                    assert_eq!(axis.taps(o, size).contains(&k), input.is_some(), "{axis:?} size {size} output {o} tap {k}");
                    assert_eq!(axis.outputs(k, size, outputs).contains(&o), input.is_some(), "{axis:?} {size} {o} {k}");
                    if let Some(input) = input {
                        assert_eq!(axis.input(o, k), input);
                    }
                }
            }
        }
    }
}
