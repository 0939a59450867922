//! Measures how long a JPEG file of 640x480 takes to become an input of 224x224: as the library does it, and as it once did, with all of the
//! picture decoded and resized before the crop is cut out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::Criterion;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ImageReader, RgbImage};
use sartor::data::image::Preprocess;

type Failure = Box<dyn std::error::Error>;

const PHOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/pictures/files/photos/coffee.jpg");

fn main() -> Result<(), Failure> {
    let (steps, file) = (Preprocess::imagenet(224, 224), photo()?);
    let [ours, whole] = [steps.load(&file)?, whole(&steps, &file)?];
    // A level of 255 is 0.018; decoders and resizing may differ by two.
    let far = ours.iter().zip(&whole).filter(|(a, b)| (*a - *b).abs() > 0.04).count();
    assert!(ours.len() == whole.len() && far < ours.len() / 100, "{far} of {} values differ", ours.len());
    let mut criterion = Criterion::default()
        .sample_size(40)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut group = criterion.benchmark_group("jpeg 640x480");
    group.bench_function("sartor", |b| b.iter(|| steps.load(&file).unwrap()));
    group.bench_function("all decoded and resized", |b| b.iter(|| self::whole(&steps, &file).unwrap()));
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// A photograph of 640x480, JPEG of quality 90, with noise as a sensor has it.
fn photo() -> Result<PathBuf, Failure> {
    let mut pixels = resize(&ImageReader::open(PHOTO)?.decode()?.to_rgb8(), 640, 480, FilterType::CatmullRom);
    let mut state = 1u32;
    for value in pixels.iter_mut() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *value = value.saturating_add((state >> 30) as u8);
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("photo.jpg");
    JpegEncoder::new_with_quality(std::fs::File::create(&file)?, 90).encode_image(&pixels)?;
    Ok(file)
}

/// The steps for a picture of this size, one after the other.
fn whole(steps: &Preprocess, file: &Path) -> Result<Vec<f32>, Failure> {
    let picture: RgbImage = ImageReader::open(file)?.with_guessed_format()?.decode()?.to_rgb8();
    let (rows, columns) = (steps.cover.0, picture.width() as usize * steps.cover.0 / picture.height() as usize);
    let pixels = resize(&picture, columns as u32, rows as u32, FilterType::Triangle);
    let (top, left) = ((rows - steps.crop.0) / 2, (columns - steps.crop.1) / 2);
    let mut out = Vec::with_capacity(3 * steps.crop.0 * steps.crop.1);
    for channel in 0..3 {
        let (mean, std) = (steps.mean[channel], steps.std[channel]);
        for row in top..top + steps.crop.0 {
            let row = &pixels.as_raw()[3 * (row * columns + left)..][..3 * steps.crop.1];
            out.extend(row.iter().skip(channel).step_by(3).map(|&value| (f32::from(value) / 255.0 - mean) / std));
        }
    }
    Ok(out)
}
