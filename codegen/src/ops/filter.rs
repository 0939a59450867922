//! Parameters of convolutions.

/// The parameters of a convolution as its kernel takes them.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Of a dense convolution `[oc, ic / groups, kh, kw]`, of a depthwise one `[lanes, kh, kw]` in the order of the lanes. The batch norm is
    /// folded, and all is times `factor`.
    pub weight: Vec<f32>,
    /// `[oc]` or `[lanes]`, likewise.
    pub bias: Vec<f32>,
    /// What the activation that takes the sums wants them multiplied by: see [`factor_of_sums`](crate::lower::epilogue::factor_of_sums).
    pub factor: f64,
}
