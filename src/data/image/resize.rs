//! Resizes pictures as Pillow and torchvision do: with antialiasing, first along rows, then rounded, then along columns. Only what is cropped
//! is computed, on the grid of the whole picture.

use std::fmt;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U16, U16x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use serde::Serialize;

use super::part::{Area, Part};
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

/// How a picture, or a part of it, becomes a part of the resized picture.
#[derive(Clone, Copy)]
pub(super) struct Target {
    /// The height and width of the whole picture, and the size that it is resized to.
    pub from: (usize, usize),
    pub to: (usize, usize),
    /// What is wanted of the result.
    pub wanted: Area,
    pub interpolation: Interpolation,
    /// Whether a picture is resized along its columns first. For one that is stored on its side these are the rows of the upright picture.
    pub columns_first: bool,
}

/// How many values are resized at a time.
const STRIP: usize = 1 << 18;

impl Target {
    /// What of the picture is read.
    pub fn reads(&self) -> Area {
        let Self { from, to, wanted, interpolation, .. } = *self;
        Area {
            rows: reads(from.0, to.0, wanted.rows, interpolation),
            columns: reads(from.1, to.1, wanted.columns, interpolation),
        }
    }

    /// The memory, in bytes, that [`Target::resize`] needs besides the picture, which has so many channels; `None` if it exceeds 64 bits.
    pub fn bytes(&self, channels: usize) -> Option<u64> {
        let area = |(h, w): (usize, usize)| (h as u64).checked_mul(w as u64)?.checked_mul(channels as u64);
        let [after, last] = self.passes(Area::all(self.from)).map(|pass| pass.size());
        let longest = [self.from.0, self.from.1, self.wanted.rows.len, self.wanted.columns.len]
            .map(|side| side as u64)
            .into_iter()
            .max()?;
        // Two strips of 16 bits; and the filter, of up to 5 steps a source position for each of up to 8 bytes.
        let strips = 4 * (STRIP as u64).max(3 * longest);
        let filter = 16 * 5 * longest;
        area(after)?.checked_add(area(last)?)?.checked_add(strips)?.checked_add(filter)
    }

    /// Resizes what is held of a picture, which must be at least what is read, and crops it to what is wanted.
    pub fn resize(&self, picture: Picture, held: Area) -> Result<Picture, Fault> {
        let [first, second] = self.passes(held);
        second.run(first.run(picture)?)
    }

    /// The passes over a picture, in their order. The first leaves what the second reads.
    fn passes(&self, held: Area) -> [Pass; 2] {
        let reads = self.reads();
        let side = |along_rows: bool, held: Part, lanes: Part| {
            let (from, to, part) = match along_rows {
                true => (self.from.1, self.to.1, self.wanted.columns),
                false => (self.from.0, self.to.0, self.wanted.rows),
            };
            Pass { along_rows, from, to, part, held, lanes, interpolation: self.interpolation }
        };
        let within = |read: Part, held: Part| Part { first: read.first - held.first, len: read.len };
        let all = |part: Part| Part { first: 0, len: part.len };
        let Area { rows, columns } = self.wanted;
        match self.columns_first {
            false => [side(true, held.columns, within(reads.rows, held.rows)), side(false, reads.rows, all(columns))],
            true => [side(false, held.rows, within(reads.columns, held.columns)), side(true, reads.columns, all(rows))],
        }
    }
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
    /// The part of the side that the picture has.
    held: Part,
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
        // The library keeps weights to as many bits as its values have. A smaller picture has more of them in each value, and few of its
        // values are then another than Pillow's; in a larger one, two passes would often differ by two levels.
        match (picture.channels, self.to > self.from) {
            (1, false) => self.whole::<U8>(&picture, &mut resized)?,
            (_, false) => self.whole::<U8x3>(&picture, &mut resized)?,
            (1, true) => self.strips::<U16>(&picture, &mut resized)?,
            (_, true) => self.strips::<U16x3>(&picture, &mut resized)?,
        }
        Ok(resized)
    }

    /// The filter over all of the picture, with values of 8 bits.
    fn whole<P: PixelTrait>(&self, picture: &Picture, resized: &mut Picture) -> Result<(), Fault> {
        self.filter::<P>((&picture.values, picture.size()), (&mut resized.values, self.size()), self.lanes)
    }

    /// The filter, strip by strip, with values of 16 bits.
    fn strips<P: PixelTrait>(&self, picture: &Picture, resized: &mut Picture) -> Result<(), Fault> {
        let channels = picture.channels;
        let step = (STRIP / (channels * self.held.len.max(self.part.len))).clamp(1, self.lanes.len);
        let (mut strip, mut result): (Vec<u16>, Vec<u16>) = (Vec::new(), Vec::new());
        for first in (0..self.lanes.len).step_by(step) {
            let lanes = Part { first: 0, len: step.min(self.lanes.len - first) };
            let (side, begin) = (Part { first: 0, len: self.held.len }, Part { first: self.lanes.first + first, ..lanes });
            let (rows, columns) = if self.along_rows { (begin, side) } else { (side, begin) };
            strip.clear();
            for row in rows.first..rows.first + rows.len {
                let at = channels * (row * picture.width + columns.first);
                strip.extend(picture.values[at..][..channels * columns.len].iter().map(|&value| u16::from(value)));
            }
            let (height, width) = if self.along_rows { (lanes.len, self.part.len) } else { (self.part.len, lanes.len) };
            result.resize(channels * height * width, 0);
            let (from, to) = (bytemuck::cast_slice(&strip), bytemuck::cast_slice_mut(&mut result));
            self.filter::<P>((from, (rows.len, columns.len)), (to, (height, width)), lanes)?;
            let (top, column) = if self.along_rows { (first, 0) } else { (0, first) };
            for (row, values) in result.chunks_exact(channels * width).enumerate() {
                let at = channels * ((top + row) * resized.width + column);
                let to = &mut resized.values[at..][..channels * width];
                to.iter_mut().zip(values).for_each(|(to, &value)| *to = value.min(255) as u8);
            }
        }
        Ok(())
    }

    /// The filter over these lanes of pixels that have the held part of the side: bytes, and height and width.
    fn filter<P: PixelTrait>(
        &self,
        (from, size): (&[u8], (usize, usize)),
        (to, becomes): (&mut [u8], (usize, usize)),
        lanes: Part,
    ) -> Result<(), Fault> {
        // The box, in what is held, that becomes the part.
        let scale = self.from as f64 / self.to as f64;
        let left = self.part.first as f64 * scale - self.held.first as f64;
        let length = (self.part.len as f64 * scale).min(self.held.len as f64 - left);
        let filter = match self.interpolation {
            Interpolation::Bilinear => FilterType::Bilinear,
            Interpolation::Bicubic => FilterType::CatmullRom,
        };
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        let options = match self.along_rows {
            true => options.crop(left, lanes.first as f64, length, lanes.len as f64),
            false => options.crop(lanes.first as f64, left, lanes.len as f64, length),
        };
        let side = |n: usize| u32::try_from(n).map_err(|_| Fault::Size(format!("a side of the picture becomes {n}")));
        let source = TypedImageRef::<P>::from_buffer(side(size.1)?, side(size.0)?, from).expect("the pixels have this size");
        let target = TypedImage::<P>::from_buffer(side(becomes.1)?, side(becomes.0)?, to);
        let mut target = target.expect("so has the result");
        Resizer::new().resize_typed(&source, &mut target, &options).expect("the box lies in the picture");
        Ok(())
    }
}
