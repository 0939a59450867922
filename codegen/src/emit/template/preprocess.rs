//! How a picture becomes the network's input. Whoever prepares pictures needs to know; nothing here does it.

/// The steps, in this order: the picture is resized so that it just covers `resize`, with its aspect ratio kept and with
/// antialiasing; `crop` is cut out around its centre; values of 0 to 255 are divided by 255; `mean` is subtracted, and they are
/// divided by `std`. Then channels and dimensions are put in the order that the network takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocess {
    /// Height and width that the resized picture covers.
    pub resize: [usize; 2],
    /// Height and width of the crop.
    pub crop: [usize; 2],
    /// How it is resized: `bilinear` or `bicubic`.
    pub interpolation: &'static str,
    /// The mean of each channel.
    pub mean: [f32; 3],
    /// The standard deviation of each channel.
    pub std: [f32; 3],
    /// Whether the network itself does all that follows the crop but the last step: it takes pixels, of 0 to 255.
    pub inside: bool,
    /// The order of channels that the network takes: `rgb` or `bgr`. `mean` and `std` are those of `rgb`.
    pub order: &'static str,
    /// The order of dimensions that the network takes: `nchw` or `nhwc`.
    pub layout: &'static str,
    /// The names of the classes, one a line; empty if they have none.
    pub labels: &'static str,
}
