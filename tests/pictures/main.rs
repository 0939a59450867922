//! Pictures: decoded like Pillow and the image crate, prepared like torchvision, and refused if a part is missing.

mod cropped;
mod damage;
mod kinds;
mod memory;
mod presets;
mod upright;

use std::path::{Path, PathBuf};

use sartor::data::image::{PictureError, Preprocess};

const FILES: &str = "tests/pictures/files";

/// Files of a folder, in the order of their names.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(Path::new(FILES).join(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Pixels of a PNG file, as the image crate reads it.
fn sheet(name: &str) -> image::RgbImage {
    image::open(Path::new(FILES).join(name)).unwrap().to_rgb8()
}

/// A picture of this size as it is: values of pixels, 0 to 255.
fn as_it_is(height: usize, width: usize) -> Preprocess {
    Preprocess { mean: [0.0; 3], std: [1.0; 3], ..Preprocess::symmetric(height, width) }
}

/// Red, green and blue, row by row, of what a [`Preprocess`] without mean and deviation makes of a file.
fn pixels(steps: &Preprocess, file: &Path) -> Result<Vec<u8>, PictureError> {
    let values = steps.load(file)?;
    let (height, width) = steps.crop;
    assert_eq!(values.len(), 3 * height * width);
    let pixel = |at: usize| [0, 1, 2].map(|channel| (values[channel * height * width + at] * 255.0).round() as u8);
    Ok((0..height * width).flat_map(pixel).collect())
}

/// The same for bytes in memory.
fn pixels_of(steps: &Preprocess, bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    pixels(steps, file.path())
}

/// The largest difference of two pictures.
fn apart(ours: &[u8], theirs: &[u8]) -> u8 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(&a, &b)| a.abs_diff(b)).max().unwrap()
}
