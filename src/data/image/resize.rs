//! Resizes pictures as Pillow and torchvision do: with antialiasing, first along rows, then rounded, then along columns. Only what is cropped
//! is computed, on the grid of the whole picture.

use std::fmt;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U16, U16x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
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

/// A part of a side: the first position, and how many.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub first: usize,
    pub len: usize,
}

/// The size that a picture is resized to, and the rows and columns of the result that are wanted.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub size: (usize, usize),
    pub rows: Part,
    pub columns: Part,
    pub interpolation: Interpolation,
    /// Whether a picture is resized along its columns first. For one that is stored on its side these are the rows of the upright picture.
    pub columns_first: bool,
}

/// How many values are resized at a time.
const STRIP: usize = 1 << 18;

/// The memory, in bytes, that [`resize`] needs besides the picture; `None` if it exceeds 64 bits.
pub(super) fn bytes(picture: &Picture, target: &Target) -> Option<u64> {
    let area = |h: usize, w: usize| (h as u64).checked_mul(w as u64)?.checked_mul(picture.channels as u64);
    let [after, last] = passes(picture, target).map(|pass| pass.size());
    let longest =
        [picture.height, picture.width, target.rows.len, target.columns.len].map(|side| side as u64).into_iter().max()?;
    // Two strips of 16 bits; and the filter, of up to 5 steps a source position for each of up to 8 bytes.
    let strips = 4 * (STRIP as u64).max(3 * longest);
    let filter = 16 * 5 * longest;
    area(after.0, after.1)?.checked_add(area(last.0, last.1)?)?.checked_add(strips)?.checked_add(filter)
}

/// Resizes a picture, and crops it to the wanted rows and columns.
pub(super) fn resize(picture: Picture, target: &Target) -> Result<Picture, Fault> {
    let [first, second] = passes(&picture, target);
    second.run(first.run(picture)?)
}

/// One side, resized and cropped.
struct Pass {
    /// Whether this is the width.
    along_rows: bool,
    /// The length of the whole side before and afterwards.
    from: usize,
    to: usize,
    /// The part of it that is wanted.
    part: Part,
    /// The part of the side that is read, and where the picture has it.
    read: Part,
    begin: usize,
    /// What of the other side is kept, where the picture has it.
    lanes: Part,
    interpolation: Interpolation,
}

impl Interpolation {
    /// The reach of its filter in source positions, for a picture of the same size.
    fn radius(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }
}

/// The part of a side of length `from` that computing `part` of the side of length `to` reads.
fn reads(from: usize, to: usize, part: Part, interpolation: Interpolation) -> Part {
    if from == to {
        return part;
    }
    let scale = from as f64 / to as f64;
    let radius = interpolation.radius() * scale.max(1.0) + 2.0;
    let begin = (part.first as f64 * scale - radius).max(0.0) as usize;
    let end = (((part.first + part.len) as f64 * scale + radius).ceil() as usize).min(from);
    Part { first: begin, len: end - begin }
}

/// The passes over a picture, in their order. The first leaves what the second reads.
fn passes(picture: &Picture, target: &Target) -> [Pass; 2] {
    let Target { size, rows, columns, interpolation, columns_first } = *target;
    let of = |along_rows: bool| if along_rows { (picture.width, size.1, columns) } else { (picture.height, size.0, rows) };
    let read = |along_rows: bool| {
        let (from, to, part) = of(along_rows);
        reads(from, to, part, interpolation)
    };
    let pass = |along_rows: bool, is_first: bool| {
        let ((from, to, part), (_, _, other)) = (of(along_rows), of(!along_rows));
        let read_here = read(along_rows);
        let (begin, lanes) = if is_first { (read_here.first, read(!along_rows)) } else { (0, Part { first: 0, len: other.len }) };
        Pass { along_rows, from, to, part, read: read_here, begin, lanes, interpolation }
    };
    [pass(!columns_first, true), pass(columns_first, false)]
}

impl Pass {
    /// The height and width of what it makes.
    fn size(&self) -> (usize, usize) {
        if self.along_rows { (self.lanes.len, self.part.len) } else { (self.part.len, self.lanes.len) }
    }

    fn run(&self, picture: Picture) -> Result<Picture, Fault> {
        let size = self.size();
        if size == picture.size() && self.to == self.from {
            return Ok(picture);
        }
        let values = memory::filled(size, picture.channels * size.0 * size.1, 0)?;
        let mut resized = Picture { height: size.0, width: size.1, channels: picture.channels, values };
        match picture.channels {
            1 => self.filter::<U16>(&picture, &mut resized)?,
            _ => self.filter::<U16x3>(&picture, &mut resized)?,
        }
        Ok(resized)
    }

    /// The filter, strip by strip. Values have 16 bits: for these the library keeps the filter's weights to more bits. With 8-bit values,
    /// two passes would differ from Pillow's by up to two levels.
    fn filter<P: PixelTrait>(&self, picture: &Picture, resized: &mut Picture) -> Result<(), Fault> {
        let channels = picture.channels;
        // The box, in what is read, that becomes the part.
        let read = Part { first: self.begin, len: self.read.len };
        let scale = self.from as f64 / self.to as f64;
        let left = self.part.first as f64 * scale - self.read.first as f64;
        let length = (self.part.len as f64 * scale).min(read.len as f64 - left);
        let filter = match self.interpolation {
            Interpolation::Bilinear => FilterType::Bilinear,
            Interpolation::Bicubic => FilterType::CatmullRom,
        };
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        let side = |n: usize| u32::try_from(n).map_err(|_| Fault::Size(format!("a side of the picture becomes {n}")));
        let step = (STRIP / (channels * read.len.max(self.part.len))).clamp(1, self.lanes.len);
        let mut resizer = Resizer::new();
        let (mut strip, mut result): (Vec<u16>, Vec<u16>) = (Vec::new(), Vec::new());
        for first in (0..self.lanes.len).step_by(step) {
            let count = step.min(self.lanes.len - first);
            let begin = self.lanes.first + first;
            let (rows, columns) = if self.along_rows {
                (Part { first: begin, len: count }, read)
            } else {
                (read, Part { first: begin, len: count })
            };
            strip.clear();
            for row in rows.first..rows.first + rows.len {
                let at = channels * (row * picture.width + columns.first);
                strip.extend(picture.values[at..][..channels * columns.len].iter().map(|&value| u16::from(value)));
            }
            let (height, width) = if self.along_rows { (count, self.part.len) } else { (self.part.len, count) };
            result.resize(channels * height * width, 0);
            let source = TypedImageRef::<P>::from_buffer(side(columns.len)?, side(rows.len)?, bytemuck::cast_slice(&strip));
            let target = TypedImage::<P>::from_buffer(side(width)?, side(height)?, bytemuck::cast_slice_mut(&mut result));
            let (source, mut target) = (source.expect("the strip has this size"), target.expect("so has the result"));
            let options = if self.along_rows {
                options.crop(left, 0.0, length, count as f64)
            } else {
                options.crop(0.0, left, count as f64, length)
            };
            resizer.resize_typed(&source, &mut target, &options).expect("the box lies in the strip");
            let (top, column) = if self.along_rows { (first, 0) } else { (0, first) };
            drop(target);
            for (row, values) in result.chunks_exact(channels * width).enumerate() {
                let at = channels * ((top + row) * resized.width + column);
                let to = &mut resized.values[at..][..channels * width];
                to.iter_mut().zip(values).for_each(|(to, &value)| *to = value.min(255) as u8);
            }
        }
        Ok(())
    }
}
