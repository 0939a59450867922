//! Makes a picture the input of a network.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::decode::decode;
use super::decoded::{Decoded, Limits};
use super::part::{Area, Part};
use super::resize::Target;
use super::{Fault, Interpolation, MAX_MEMORY, Orientation, Picture, PictureError, memory};

/// The steps from a picture to a network's input. In this order, the picture is converted to RGB (transparency is dropped, as
/// Pillow's `convert("RGB")` does); turned upright as EXIF says; resized so that it just covers `cover`, with its aspect ratio
/// kept (each value is within 1 of 255 of Pillow's and torchvision's, a few in a million within 2); and cropped around its centre. Then values are divided by
/// 255, `mean` is subtracted, and they are divided by `std`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocess {
    /// The height and width that the resized picture must cover. A square, `n, n`, is torchvision's `Resize(n)`.
    pub cover: (usize, usize),
    /// The height and width of the crop: those of the network's input.
    pub crop: (usize, usize),
    /// How to resize; always with antialiasing.
    pub interpolation: Interpolation,
    /// The mean of each channel, for values in `0..=1`.
    pub mean: [f32; 3],
    /// The standard deviation of each channel.
    pub std: [f32; 3],
    /// Whether values are left as pixels, 0 to 255, and `mean` and `std` are not used. The default is no.
    pub pixels: bool,
    /// Whether a picture is turned upright as its EXIF data says. The default is yes.
    pub exif: bool,
    /// Whether a picture that is cut short is used, with grey in place of what is missing. By default, it is an error.
    pub truncated: bool,
    /// The memory, in bytes, that decoding and resizing may take; [`MAX_MEMORY`] by default.
    pub max_memory: u64,
}

/// Printed with the words of the command line's options.
impl fmt::Display for Preprocess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cover, crop, interpolation, mean: [mr, mg, mb], std: [sr, sg, sb], pixels, .. } = self;
        write!(f, "resized to cover {}x{} ({interpolation}), cropped to {}x{}, ", cover.0, cover.1, crop.0, crop.1)?;
        write!(f, "mean {mr},{mg},{mb}, std {sr},{sg},{sb}{}", if *pixels { " inside the network" } else { "" })
    }
}

/// A network's input, made from a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Input {
    /// `3 * h * w` values, channel by channel.
    pub values: Vec<f32>,
    /// Which way up the picture was stored.
    pub orientation: Orientation,
    /// What was missing from the file, if it was cut short.
    pub missing: Option<String>,
}

impl Preprocess {
    /// torchvision's preset for most networks of ImageNet, scaled to the input's size: for 224x224, the picture is resized to 256.
    pub fn imagenet(height: usize, width: usize) -> Self {
        let larger = |n: usize| (n * 256).div_ceil(224);
        Self {
            cover: (larger(height), larger(width)),
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            ..Self::symmetric(height, width)
        }
    }

    /// The whole picture, with values in `-1..=1`. `rexnet_digits` was trained with this.
    pub fn symmetric(height: usize, width: usize) -> Self {
        Self {
            cover: (height, width),
            crop: (height, width),
            interpolation: Interpolation::Bilinear,
            mean: [0.5; 3],
            std: [0.5; 3],
            pixels: false,
            exif: true,
            truncated: false,
            max_memory: MAX_MEMORY,
        }
    }

    /// Reads a JPEG or PNG file: `3 * h * w` values, channel by channel.
    ///
    /// # Errors
    /// If the file cannot be read, is not a JPEG or PNG picture, or is cut short; or if the picture's size does not fit.
    pub fn load(&self, path: &Path) -> Result<Vec<f32>, PictureError> {
        self.read(path).map(|input| input.values)
    }

    /// Reads a JPEG or PNG file. The result also says how the picture was stored and what was missing.
    ///
    /// # Errors
    /// If the file cannot be read, is not a JPEG or PNG picture, or is cut short; or if the picture's size does not fit.
    pub fn read(&self, path: &Path) -> Result<Input, PictureError> {
        let io = |source| PictureError::Io { path: path.into(), source };
        let mut file = Vec::new();
        File::open(path).map_err(io)?.take(self.max_memory.saturating_add(1)).read_to_end(&mut file).map_err(io)?;
        self.parse(file).map_err(|fault| PictureError::File { path: path.into(), fault })
    }

    /// Turns a decoded picture into `3 * h * w` values, channel by channel.
    ///
    /// # Errors
    /// If the picture's size does not fit.
    pub fn apply(&self, picture: Picture) -> Result<Vec<f32>, PictureError> {
        let size = picture.size();
        self.normalised(picture, (size, Area::all(size)), Orientation::UPRIGHT).map_err(PictureError::Picture)
    }

    fn parse(&self, file: Vec<u8>) -> Result<Input, Fault> {
        if file.len() as u64 > self.max_memory {
            return Err(Fault::Large { limit: self.max_memory });
        }
        let turned = |orientation| if self.exif { orientation } else { Orientation::UPRIGHT };
        // If the size does not fit, that is told once the picture is decoded.
        let reads = |size, orientation| self.target(size, turned(orientation)).map(|target| target.reads()).ok();
        let decoded = decode(file, Limits { memory: self.max_memory, truncated: self.truncated }, &reads)?;
        let Decoded { picture, size, held, orientation, missing } = decoded;
        let values = self.normalised(picture, (size, held), turned(orientation))?;
        Ok(Input { values, orientation, missing })
    }

    /// How a picture of this size becomes the crop.
    fn target(&self, size: (usize, usize), orientation: Orientation) -> Result<Target, Fault> {
        let (h, w) = self.resized(orientation.turned(size))?;
        let stored = orientation.turned((h, w));
        let (top, left) = (centre(h, self.crop.0), centre(w, self.crop.1));
        // The crop as it is stored: two of its corners.
        let corners = [(top, left), (top + self.crop.0 - 1, left + self.crop.1 - 1)];
        let [a, b] = corners.map(|(row, column)| orientation.stored(stored, row, column));
        let len = orientation.turned(self.crop);
        let wanted = Area { rows: Part { first: a.0.min(b.0), len: len.0 }, columns: Part { first: a.1.min(b.1), len: len.1 } };
        Ok(Target { from: size, to: stored, wanted, interpolation: self.interpolation, columns_first: orientation.swaps() })
    }

    /// The input from what is held of a picture of this size.
    fn normalised(
        &self,
        picture: Picture,
        (size, held): ((usize, usize), Area),
        orientation: Orientation,
    ) -> Result<Vec<f32>, Fault> {
        let target = self.target(size, orientation)?;
        let values = 3 * self.crop.0 as u64 * self.crop.1 as u64;
        let needed = target.bytes(picture.channels).and_then(|bytes| {
            bytes.checked_add(picture.values.len() as u64)?.checked_add(values.checked_mul(size_of::<f32>() as u64)?)
        });
        memory::check(size, "resize", needed.unwrap_or(u64::MAX), self.max_memory)?;
        let picture = target.resize(picture, held)?;
        let mut out = Vec::new();
        let refused = |_| Fault::Memory { size: self.crop, what: "crop", bytes: 4 * values, limit: None };
        out.try_reserve_exact(values as usize).map_err(refused)?;
        for channel in 0..3 {
            let values = self.values(channel);
            // The place of a value in a pixel: grey pictures have one for all channels.
            let place = channel.min(picture.channels - 1);
            let value = |pixel: &[u8]| values[usize::from(pixel[place])];
            if orientation == Orientation::UPRIGHT {
                match picture.channels {
                    1 => out.extend(picture.values.chunks_exact(1).map(value)),
                    _ => out.extend(picture.values.chunks_exact(3).map(value)),
                }
                continue;
            }
            for row in 0..self.crop.0 {
                out.extend((0..self.crop.1).map(|column| {
                    let (row, column) = orientation.stored(picture.size(), row, column);
                    value(&picture.values[picture.channels * (row * picture.width + column)..])
                }));
            }
        }
        Ok(out)
    }

    /// What each value of a channel's pixels becomes.
    fn values(&self, channel: usize) -> [f32; 256] {
        std::array::from_fn(|value| {
            let value = value as f32;
            if self.pixels { value } else { (value / 255.0 - self.mean[channel]) / self.std[channel] }
        })
    }

    /// The height and width after resizing.
    fn resized(&self, (h, w): (usize, usize)) -> Result<(usize, usize), Fault> {
        let (cover, crop) = (self.cover, self.crop);
        if crop.0 == 0 || crop.1 == 0 {
            return Err(Fault::Size(format!("the crop is empty: {}x{}", crop.0, crop.1)));
        }
        if cover.0 < crop.0 || cover.1 < crop.1 {
            let what =
                format!("the picture is resized to {}x{}, too small for a crop of {}x{}", cover.0, cover.1, crop.0, crop.1);
            return Err(Fault::Size(what));
        }
        let by_height = cover.0 as u128 * w as u128 >= cover.1 as u128 * h as u128;
        let scaled = |n: usize, to: usize, of: usize| {
            let side = n as u128 * to as u128 / of as u128;
            // The resizing library has sides of 32 bits.
            let fits = u32::try_from(side).map(|side| side as usize);
            fits.map_err(|_| Fault::Size(format!("resized, the picture of {h}x{w} would be {side} pixels long: crop it first")))
        };
        Ok(if by_height { (cover.0, scaled(w, cover.0, h)?) } else { (scaled(h, cover.1, w)?, cover.1) })
    }
}

/// The first row or column of the crop: half the margin, rounded as Python's `round` does, half to even.
fn centre(size: usize, crop: usize) -> usize {
    let margin = size - crop;
    margin / 2 + usize::from(margin % 4 == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_torchvisions() {
        let preset = Preprocess::imagenet(224, 224);
        assert_eq!(preset.cover, (256, 256));
        assert_eq!(preset.resized((500, 375)).unwrap(), (341, 256));
        assert_eq!(preset.resized((375, 501)).unwrap(), (256, 342));
        assert_eq!(preset.resized((256, 256)).unwrap(), (256, 256));
        // round(0.5), round(1.0), round(1.5), round(2.5) of Python
        assert_eq!([1, 2, 3, 5].map(|margin| centre(7 + margin, 7)), [0, 1, 2, 2]);
    }

    #[test]
    fn a_rectangle_is_covered() {
        for (h, w) in [(10, 90), (200, 25), (33, 77), (1, 1)] {
            let (rh, rw) = Preprocess::imagenet(360, 640).resized((h, w)).unwrap();
            assert!(rh >= 360 && rw >= 640, "{h}x{w} became {rh}x{rw}");
        }
    }

    #[test]
    fn sizes_that_do_not_fit_are_errors() {
        let preset = Preprocess::imagenet(224, 224);
        assert!(preset.resized((1, 100_000_000)).unwrap_err().to_string().contains("crop it first"));
        let small = Preprocess { cover: (200, 256), ..preset };
        assert!(small.resized((300, 300)).unwrap_err().to_string().contains("200x256"));
        assert!(Picture::rgb(0, 3, Vec::new()).unwrap_err().to_string().contains("empty"));
        assert!(Picture::rgb(2, 3, vec![0; 17]).unwrap_err().to_string().contains("17 values"));
    }

    #[test]
    fn values_are_channel_by_channel_and_normalised() {
        let picture = Picture::rgb(1, 2, vec![255, 0, 0, 255, 0, 255]).unwrap();
        let values = Preprocess::symmetric(1, 2).apply(picture).unwrap();
        assert_eq!(values, [1.0, 1.0, -1.0, -1.0, -1.0, 1.0]);
    }
}
