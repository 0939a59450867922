//! Resizes pictures as Pillow and torchvision do: with antialiasing, first along rows, then rounded, then along columns.

use std::fmt;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U16;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use serde::Serialize;

use super::{Fault, Picture, memory};

/// How the values between pixels are interpolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// From two pixels in each direction, or from all that a pixel of a smaller picture covers.
    Bilinear,
    /// From four pixels in each direction, with overshoot: `a = -0.5`, as in Pillow and torchvision.
    Bicubic,
}

impl Interpolation {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Bilinear, Self::Bicubic];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
        }
    }
}

impl fmt::Display for Interpolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many values are resized at a time.
const STRIP: usize = 1 << 20;

/// The memory, in bytes, that [`resize`] needs besides the picture; `None` if it exceeds 64 bits.
pub(super) fn bytes(picture: &Picture, to: (usize, usize), columns_first: bool) -> Option<u64> {
    let [first, second] = passes(picture.size(), to, columns_first);
    let bytes = |(h, w): (usize, usize)| (h as u64).checked_mul(w as u64)?.checked_mul(picture.channels as u64);
    let lanes = [picture.height, picture.width, to.0, to.1].map(|side| side as u64).into_iter().max()?;
    let intermediate = if first == picture.size() || first == second { 0 } else { bytes(first)? };
    intermediate.checked_add(if second == picture.size() { 0 } else { bytes(second)? })?.checked_add(4 * lanes.max(STRIP as u64))
}

/// Resizes a picture. A picture that is stored on its side is resized along its columns first: these are the rows of the upright picture.
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

/// Resizes along one side, if its length changes. Each row or column of a channel becomes a lane of 16-bit values: for these the
/// library keeps the filter's weights to more bits. With 8-bit values, two passes would differ from Pillow's by up to two levels.
fn pass(picture: Picture, to: (usize, usize), interpolation: Interpolation) -> Result<Picture, Fault> {
    if picture.size() == to {
        return Ok(picture);
    }
    let Picture { height, width, channels, values } = picture;
    let filter = match interpolation {
        Interpolation::Bilinear => FilterType::Bilinear,
        Interpolation::Bicubic => FilterType::CatmullRom,
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    let side = |n: usize| u32::try_from(n).map_err(|_| Fault::Size(format!("the picture becomes {}x{}", to.0, to.1)));
    let along_rows = height == to.0;
    let (lanes, from_len, to_len) = if along_rows { (height * channels, width, to.1) } else { (width * channels, height, to.0) };
    // The index, in a picture of this width, of the value at a position of a lane.
    let place = |width: usize, lane: usize, at: usize| match along_rows {
        true => (lane / channels * width + at) * channels + lane % channels,
        false => at * width * channels + lane,
    };
    let step = (STRIP / from_len.max(to_len)).clamp(1, lanes);
    let mut resizer = Resizer::new();
    let mut resized = memory::filled(to, channels * to.0 * to.1, 0)?;
    let mut strip = vec![U16::new(0); step * from_len];
    for first in (0..lanes).step_by(step) {
        let count = step.min(lanes - first);
        for (lane, at) in (0..from_len).flat_map(|at| (0..count).map(move |lane| (lane, at))) {
            strip[lane * from_len + at] = U16::new(values[place(width, first + lane, at)].into());
        }
        let source = TypedImageRef::new(side(from_len)?, side(count)?, &strip[..count * from_len]);
        let mut target = TypedImage::new(side(to_len)?, side(count)?);
        resizer.resize_typed(&source.expect("the strip has this size"), &mut target, &options).expect("nothing is cropped");
        for (lane, at) in (0..to_len).flat_map(|at| (0..count).map(move |lane| (lane, at))) {
            resized[place(to.1, first + lane, at)] = target.pixels()[lane * to_len + at].0.min(255) as u8;
        }
    }
    Ok(Picture { height: to.0, width: to.1, channels, values: resized })
}
