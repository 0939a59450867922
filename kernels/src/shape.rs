//! The attributes of operators, in PyTorch's terms. Sizes that overflow panic: a wrapped length would let kernels write elsewhere.

pub use sartor_ops::{Activation, Axis, DepthOrder, Padding, Rearrange, Reduction, Window, Winograd};

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

    /// Whether others can be the second operand of arithmetic: their channels and their pixels are as many, or one.
    pub const fn meets(&self, other: Self) -> bool {
        let channels = other.c == self.c || other.c == 1;
        let pixels = (other.h == self.h && other.w == self.w) || (other.h == 1 && other.w == 1);
        other.n == self.n && channels && pixels
    }

    /// Pixels of one channel of one image.
    ///
    /// # Panics
    /// If their number overflows.
    pub const fn pixels(&self) -> usize {
        product(&[self.h, self.w])
    }

    /// The maps of `c` channels that a window makes of them.
    ///
    /// # Panics
    /// As [`Axis::output`].
    pub fn under(self, window: &Window, c: usize) -> Self {
        let (h, w) = window.output((self.h, self.w));
        Self { c, h, w, ..self }
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

/// A 2-d convolution; weights are `[oc, ic / groups, kh, kw]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// Output channels.
    pub oc: usize,
    /// Groups; divides input and output channels.
    pub groups: usize,
    /// Where it looks.
    pub window: Window,
}
