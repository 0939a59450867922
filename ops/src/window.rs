//! Windows that slide over maps. A size that overflows panics: a length that wrapped around would let kernels write outside their
//! buffers.

use std::ops::Range;

/// A window that slides over maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// The number of taps: rows and columns.
    pub kernel: (usize, usize),
    /// How many inputs the window moves from one output to the next: vertically and horizontally.
    pub stride: (usize, usize),
    /// How many inputs lie from one tap to the next: vertically and horizontally. 1 means that taps are neighbours.
    pub dilation: (usize, usize),
    /// Padding of the rows and of the columns.
    pub padding: (Padding, Padding),
}

impl Window {
    /// A window of one pixel, which reads every pixel once.
    pub const POINT: Self = Self::square(1, 1, 0);

    /// A window whose taps are neighbours.
    pub const fn new(kernel: (usize, usize), stride: (usize, usize), padding: (Padding, Padding)) -> Self {
        Self { kernel, stride, dilation: (1, 1), padding }
    }

    /// A square window with the same padding on all four sides.
    pub const fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self::new((kernel, kernel), (stride, stride), Padding::around(padding))
    }

    /// The number of taps of the window.
    ///
    /// # Panics
    /// If their number overflows.
    pub const fn taps(&self) -> usize {
        self.kernel.0.checked_mul(self.kernel.1).expect("the number of a window's taps overflows")
    }

    /// The rows and columns of the result for a map of `h` rows and `w` columns.
    ///
    /// # Panics
    /// As [`Axis::output`].
    pub fn output(&self, (h, w): (usize, usize)) -> (usize, usize) {
        let (rows, columns) = self.axes();
        (rows.output(h), columns.output(w))
    }

    /// The window's rows and columns.
    pub const fn axes(&self) -> (Axis, Axis) {
        let Self { kernel, stride, dilation, padding } = *self;
        let rows = Axis { kernel: kernel.0, stride: stride.0, dilation: dilation.0, padding: padding.0 };
        (rows, Axis { kernel: kernel.1, stride: stride.1, dilation: dilation.1, padding: padding.1 })
    }
}

/// What an operator sees before the first input of an axis and behind the last: zeros, or, for max pooling, values that are never
/// the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Padding {
    /// Rows above or columns on the left.
    pub before: usize,
    /// Rows below or columns on the right.
    pub after: usize,
}

impl Padding {
    /// The same padding on both sides.
    pub const fn both(size: usize) -> Self {
        Self { before: size, after: size }
    }

    /// The same padding on all four sides: of the rows and of the columns.
    pub const fn around(size: usize) -> (Self, Self) {
        (Self::both(size), Self::both(size))
    }

    /// TensorFlow's `SAME`: the least padding with which the window makes `size / stride`, rounded up, outputs of `size` inputs.
    /// Where that padding is odd, the side behind has one more.
    pub const fn same(size: usize, kernel: usize, stride: usize) -> Self {
        let total = ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
        Self { before: total / 2, after: total - total / 2 }
    }

    /// None.
    pub const NONE: (Self, Self) = Self::around(0);

    /// The sides exchanged.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { before: self.after, after: self.before }
    }
}

/// A window along one axis: tap `k` of output `o` reads input `o * stride + k * dilation - padding.before`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Axis {
    /// The number of taps.
    pub kernel: usize,
    /// How many inputs the window moves from one output to the next.
    pub stride: usize,
    /// How many inputs lie from one tap to the next.
    pub dilation: usize,
    /// Positions before and behind the inputs that hold no input. Those behind only add outputs.
    pub padding: Padding,
}

impl Axis {
    /// The length of the window: inputs from its first tap to its last, both included. `None` if that overflows.
    pub const fn reach(&self) -> Option<usize> {
        let Some(last) = self.kernel.checked_sub(1) else { return Some(0) };
        match last.checked_mul(self.dilation) {
            Some(last) => last.checked_add(1),
            None => None,
        }
    }

    /// The length of an axis of `size` inputs with its padding; `None` if it does not fit an `isize`.
    fn padded(&self, size: usize) -> Option<usize> {
        let padding = self.padding.before.checked_add(self.padding.after)?;
        padding.checked_add(size).filter(|&padded| isize::try_from(padded).is_ok())
    }

    /// The number of outputs over `size` inputs. `None` if the window is larger than the padded input, or if the padded input
    /// overflows.
    ///
    /// # Panics
    /// If the stride is zero.
    pub fn outputs_over(&self, size: usize) -> Option<usize> {
        Some(self.padded(size)?.checked_sub(self.reach()?)? / self.stride + 1)
    }

    /// The number of outputs over `size` inputs.
    ///
    /// # Panics
    /// If the window is larger than the padded input, if the padded input does not fit an `isize`, or if the stride is zero.
    pub fn output(&self, size: usize) -> usize {
        let padded = self.padded(size).expect("the padded input's size overflows");
        self.outputs_over(size)
            .unwrap_or_else(|| panic!("a window of {} is larger than the padded input of {padded}", self.kernel))
    }

    /// The taps of output `o` that read an input and not padding. There are `size` inputs; `o` is less than what
    /// [`output`](Self::output) gives for them.
    pub fn taps(&self, o: usize, size: usize) -> Range<usize> {
        let first = o * self.stride;
        let begin = self.padding.before.saturating_sub(first).div_ceil(self.dilation).min(self.kernel);
        begin..(size + self.padding.before).saturating_sub(first).div_ceil(self.dilation).clamp(begin, self.kernel)
    }

    /// The same axis, and its number of inputs, if the positions of padding that are `counted` were inputs.
    ///
    /// # Panics
    /// If more is counted than there is.
    pub fn counting(&self, counted: Padding, size: usize) -> (Self, usize) {
        let Padding { before, after } = self.padding;
        let less = |all: usize, counted| all.checked_sub(counted).expect("more padding is counted than there is");
        let padding = Padding { before: less(before, counted.before), after: less(after, counted.after) };
        (Self { padding, ..*self }, counted.before + size + counted.after)
    }

    /// The input that tap `k` of output `o` reads; `k` must be one of [`taps`](Self::taps).
    pub const fn input(&self, o: usize, k: usize) -> usize {
        o * self.stride + k * self.dilation - self.padding.before
    }

    /// The outputs for which tap `k` reads an input and not padding. There are `size` inputs; `outputs` is what
    /// [`output`](Self::output) gives for them.
    pub fn outputs(&self, k: usize, size: usize, outputs: usize) -> Range<usize> {
        let first = k * self.dilation;
        let begin = self.padding.before.saturating_sub(first).div_ceil(self.stride).min(outputs);
        begin..(size + self.padding.before).saturating_sub(first).div_ceil(self.stride).clamp(begin, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Axes with every combination of a few small numbers of taps, strides, dilations and paddings, each over a few inputs.
    fn cases() -> impl Iterator<Item = (Axis, usize)> {
        let paddings = (0..=3).flat_map(|before| (0..=3).map(move |after| Padding { before, after }));
        let axes = paddings.flat_map(|padding| {
            (1..=5).flat_map(move |kernel| {
                (1..=3).flat_map(move |stride| (1..=3).map(move |dilation| Axis { kernel, stride, dilation, padding }))
            })
        });
        axes.flat_map(|axis| (1..=9).map(move |size| (axis, size)))
    }

    #[test]
    fn taps_and_outputs_agree_with_the_definition() {
        for (axis, size) in cases() {
            let Axis { kernel, stride, dilation, padding } = axis;
            let padded = padding.before + size + padding.after;
            let reach = (kernel - 1) * dilation + 1;
            assert_eq!(axis.reach(), Some(reach));
            assert_eq!(axis.outputs_over(size).is_some(), padded >= reach, "{axis:?} size {size}");
            if padded < reach {
                continue;
            }
            // As many windows as fit, one after another.
            let outputs = axis.output(size);
            assert_eq!(outputs, (0..).take_while(|o| o * stride + reach <= padded).count(), "{axis:?} size {size}");
            for o in 0..outputs {
                for k in 0..kernel {
                    let input = (o * stride + k * dilation).checked_sub(padding.before).filter(|&i| i < size);
                    assert_eq!(axis.taps(o, size).contains(&k), input.is_some(), "{axis:?} size {size} output {o} tap {k}");
                    assert_eq!(axis.outputs(k, size, outputs).contains(&o), input.is_some(), "{axis:?} {size} {o} {k}");
                    if let Some(input) = input {
                        assert_eq!(axis.input(o, k), input);
                    }
                }
            }
        }
    }

    #[test]
    fn a_reach_that_overflows_fits_no_input() {
        let axis = Axis { kernel: 3, stride: 1, dilation: usize::MAX / 2 + 1, padding: Padding::both(0) };
        assert_eq!(axis.reach(), None);
        assert_eq!(axis.outputs_over(9), None);
        let axis = Axis { kernel: 3, stride: 1, dilation: 1, padding: Padding::both(usize::MAX / 2 + 1) };
        assert_eq!(axis.outputs_over(9), None);
    }
}
