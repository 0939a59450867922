//! Resizing as Pillow does it, and so torchvision for pictures: antialiased, along rows, rounded, then along columns.

use std::fmt;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::{Fault, Picture, memory};

/// How pixels between those of a picture are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// From two pixels each way, or all that a smaller picture's pixel covers.
    Bilinear,
    /// From four, with overshoot: `a = -0.5`, as Pillow and torchvision have it.
    Bicubic,
}

impl fmt::Display for Interpolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
        })
    }
}

/// Bytes that [`resize`] takes besides the picture; `None` if they cannot be counted.
pub(super) fn bytes(picture: &Picture, to: (usize, usize), columns_first: bool) -> Option<u64> {
    let [first, second] = passes(picture.size(), to, columns_first);
    let bytes = |(h, w): (usize, usize)| (h as u64).checked_mul(w as u64)?.checked_mul(picture.channels as u64);
    let intermediate = if first == picture.size() || first == second { 0 } else { bytes(first)? };
    intermediate.checked_add(if second == picture.size() { 0 } else { bytes(second)? })
}

/// A picture of another size. What lies on its side is resized along its columns first, which are the rows of the upright one.
pub(super) fn resize(
    picture: Picture,
    to: (usize, usize),
    interpolation: Interpolation,
    columns_first: bool,
) -> Result<Picture, Fault> {
    let passes = passes(picture.size(), to, columns_first);
    passes.into_iter().try_fold(picture, |picture, to| pass(picture, to, interpolation))
}

/// The size after each pass.
fn passes(from: (usize, usize), to: (usize, usize), columns_first: bool) -> [(usize, usize); 2] {
    [if columns_first { (to.0, from.1) } else { (from.0, to.1) }, to]
}

/// Resizes along one side, or none.
fn pass(picture: Picture, to: (usize, usize), interpolation: Interpolation) -> Result<Picture, Fault> {
    if picture.size() == to {
        return Ok(picture);
    }
    let kind = if picture.channels == 1 { PixelType::U8 } else { PixelType::U8x3 };
    let filter = match interpolation {
        Interpolation::Bilinear => FilterType::Bilinear,
        Interpolation::Bicubic => FilterType::CatmullRom,
    };
    let side = |n: usize| u32::try_from(n).map_err(|_| Fault::Size(format!("the picture becomes {}x{}", to.0, to.1)));
    let mut values = memory::filled(to, picture.channels * to.0 * to.1, 0)?;
    let source = ImageRef::new(side(picture.width)?, side(picture.height)?, &picture.values, kind);
    let source = source.expect("a picture has as many values as its size says");
    let mut target = Image::from_slice_u8(side(to.1)?, side(to.0)?, &mut values, kind).expect("so has the new one");
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    Resizer::new().resize(&source, &mut target, &options).expect("both have the same kind of pixels");
    Ok(Picture { height: to.0, width: to.1, channels: picture.channels, values })
}
