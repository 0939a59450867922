//! Pictures as networks want them: resized, cropped, normalised, NCHW.

use sartor_models::escape;
use std::fmt;
use std::path::{Path, PathBuf};

use image::imageops::{FilterType, resize};

/// What happens to a picture, in this order: RGB (transparency is dropped), resize so that it just covers `cover` with its aspect
/// ratio kept (bilinear with antialiasing, within 1 of 255 of what Pillow and torchvision give), crop the centre, divide by 255, subtract `mean`, divide
/// by `std`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocess {
    /// Height and width that the resized picture covers. Square `n, n` is torchvision's `Resize(n)`.
    pub cover: (usize, usize),
    /// Height and width of the crop: the network's input.
    pub crop: (usize, usize),
    /// Mean of each channel, for values in `0..=1`.
    pub mean: [f32; 3],
    /// Standard deviation of each channel.
    pub std: [f32; 3],
}

/// As the options of the command line spell it.
impl fmt::Display for Preprocess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cover, crop, mean: [mr, mg, mb], std: [sr, sg, sb] } = self;
        write!(f, "resized to cover {}x{}, cropped to {}x{}, ", cover.0, cover.1, crop.0, crop.1)?;
        write!(f, "mean {mr},{mg},{mb}, std {sr},{sg},{sb}")
    }
}

/// A picture that cannot become a network's input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file cannot be read.
    #[error("{}: {source}", escape::path(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a picture this program knows, or is damaged.
    #[error("{}: not a JPEG or PNG picture: {source}", escape::path(path))]
    Decode {
        /// The file.
        path: PathBuf,
        /// Why.
        source: image::ImageError,
    },
    /// The picture's size and the [`Preprocess`] do not fit.
    #[error("{what}")]
    Size {
        /// Which sizes, and what to do.
        what: String,
    },
}

/// Bytes that decoding a picture may take: 50 megapixels of colour, and some; a small file that unpacks to more is refused.
const MAX_DECODED: u64 = 1 << 28;

/// Most times that the area to cover may go into the resized picture: only absurdly long strips exceed it.
const MOST_COVERS: usize = 16;

impl Preprocess {
    /// torchvision's preset for ImageNet, scaled to the input: 224x224 is cropped from a picture resized to 256.
    pub fn imagenet(height: usize, width: usize) -> Self {
        let larger = |n: usize| (n * 256).div_ceil(224);
        Self {
            cover: (larger(height), larger(width)),
            crop: (height, width),
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        }
    }

    /// The whole picture, values in `-1..=1`: what `rexnet_digits` was trained with.
    pub fn symmetric(height: usize, width: usize) -> Self {
        Self { cover: (height, width), crop: (height, width), mean: [0.5; 3], std: [0.5; 3] }
    }

    /// Reads a JPEG or PNG file: `3 * h * w` values, channel by channel.
    ///
    /// # Errors
    /// If the file cannot be read, is no such picture, or its size does not fit.
    pub fn load(&self, path: &Path) -> Result<Vec<f32>, PictureError> {
        let io = |source| PictureError::Io { path: path.into(), source };
        let mut reader = image::ImageReader::open(path).map_err(io)?.with_guessed_format().map_err(io)?;
        let mut limits = image::Limits::default();
        limits.max_alloc = Some(MAX_DECODED);
        reader.limits(limits);
        let picture = reader.decode().map_err(|source| PictureError::Decode { path: path.into(), source })?.to_rgb8();
        self.apply(&picture)
    }

    /// Turns a decoded picture into `3 * h * w` values, channel by channel.
    ///
    /// # Errors
    /// If its size does not fit.
    pub fn apply(&self, picture: &image::RgbImage) -> Result<Vec<f32>, PictureError> {
        let size = (picture.height() as usize, picture.width() as usize);
        let (h, w) = self.resized(size)?;
        let pixels = if (h, w) == size { picture.clone() } else { resize(picture, w as u32, h as u32, FilterType::Triangle) };
        let (top, left) = (centre(h, self.crop.0), centre(w, self.crop.1));
        let mut out = Vec::with_capacity(3 * self.crop.0 * self.crop.1);
        for channel in 0..3 {
            let (mean, std) = (self.mean[channel], self.std[channel]);
            for row in top..top + self.crop.0 {
                let row = &pixels.as_raw()[3 * (row * w + left)..][..3 * self.crop.1];
                out.extend(row.iter().skip(channel).step_by(3).map(|&value| (f32::from(value) / 255.0 - mean) / std));
            }
        }
        Ok(out)
    }

    /// Height and width after resizing.
    fn resized(&self, (h, w): (usize, usize)) -> Result<(usize, usize), PictureError> {
        let (cover, crop) = (self.cover, self.crop);
        if cover.0 < crop.0 || cover.1 < crop.1 {
            let what = format!("resizing to {}x{} is too small for the crop of {}x{}", cover.0, cover.1, crop.0, crop.1);
            return Err(PictureError::Size { what });
        }
        if h == 0 || w == 0 {
            return Err(PictureError::Size { what: format!("the picture is empty: {h}x{w}") });
        }
        let by_height = cover.0 as u128 * w as u128 >= cover.1 as u128 * h as u128;
        let scaled = |n: usize, to: usize, of: usize| (n as u128 * to as u128 / of as u128) as usize;
        let (rh, rw) = if by_height { (cover.0, scaled(w, cover.0, h)) } else { (scaled(h, cover.1, w), cover.1) };
        match rh.checked_mul(rw) {
            Some(pixels) if pixels / MOST_COVERS <= cover.0 * cover.1 => Ok((rh, rw)),
            _ => Err(PictureError::Size { what: format!("the picture of {h}x{w} becomes {rh}x{rw}: crop it first") }),
        }
    }
}

/// First row or column of the crop: half the margin, a half rounded to even as Python's `round` does.
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
        assert!(preset.resized((0, 3)).unwrap_err().to_string().contains("empty"));
        let small = Preprocess { cover: (200, 256), ..preset };
        assert!(small.resized((300, 300)).unwrap_err().to_string().contains("200x256"));
    }

    /// Files of a few hundred bytes that fuzzing tries: one of 10 GB of pixels, one that resizing would make large.
    #[test]
    fn small_files_of_huge_pictures_are_refused() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/image");
        for (file, what) in [("bomb.png", "limit"), ("strip.png", "crop it first")] {
            let error = Preprocess::symmetric(8, 8).load(&corpus.join(file)).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn values_are_channel_by_channel_and_normalised() {
        let picture = image::RgbImage::from_fn(2, 1, |x, _| image::Rgb([255, 0, if x == 0 { 0 } else { 255 }]));
        let values = Preprocess::symmetric(1, 2).apply(&picture).unwrap();
        assert_eq!(values, [1.0, 1.0, -1.0, -1.0, -1.0, 1.0]);
    }

    /// `Image.fromarray(a).resize((4, 3), Image.Resampling.BILINEAR)` of Pillow 13 for the gradient below.
    #[test]
    fn resizing_is_pillows() {
        let picture =
            image::RgbImage::from_fn(9, 7, |x, y| image::Rgb([x * 28, y * 40, (x * 53 + y * 91) % 256].map(|v| v as u8)));
        let ours = resize(&picture, 4, 3, FilterType::Triangle).into_raw();
        // Pillow rounds between its two passes, which moves a value by one at most.
        assert!(ours.iter().zip(PILLOW).all(|(&a, b)| a.abs_diff(b) <= 1), "{ours:?}");
        assert_eq!(ours.len(), PILLOW.len());
    }

    const PILLOW: [u8; 36] = [
        23, 34, 111, 80, 34, 150, 144, 34, 116, 201, 34, 117, 23, 120, 121, 80, 120, 128, 144, 120, 126, 201, 120, 125, 23, 206,
        143, 80, 206, 132, 144, 206, 122, 201, 206, 114,
    ];
}
