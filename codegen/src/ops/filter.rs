//! Parameters of convolutions.

/// The weights and the bias of a convolution, as its kernel takes them.
#[derive(Clone, Debug)]
pub struct Filter {
    /// For a dense convolution `[oc, ic / groups, kh, kw]`; for a depthwise one `[lanes, kh, kw]`, in the order of the lanes. The
    /// batch norm is folded in, and all values are multiplied by `factor`.
    pub weight: Vec<f32>,
    /// `[oc]` or `[lanes]`, with the batch norm folded in and multiplied by `factor`.
    pub bias: Vec<f32>,
    /// The factor by which the following activation wants the sums multiplied: see
    /// [`factor_of_sums`](crate::lower::epilogue::factor_of_sums).
    pub factor: f64,
}
