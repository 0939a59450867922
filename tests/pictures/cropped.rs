//! Only the crop of a picture is decoded and resized. It is what decoding and resizing the whole and cropping gives.

use std::path::Path;

use image::imageops::{self, FilterType};
use sartor::data::image::{Picture, Preprocess};

use crate::{FILES, apart, as_it_is, files, pixels};

fn centre(size: usize, crop: usize) -> usize {
    (size - crop) / 2 + usize::from((size - crop) % 4 == 3)
}

#[test]
fn a_crop_is_that_of_the_whole_resized_by_image() {
    let photo = image::open(Path::new(FILES).join("photos/coffee.jpg")).unwrap().to_rgb8();
    for (width, height) in [(640u32, 480u32), (480, 640), (123, 457), (90, 61), (1920, 1080)] {
        let photo = imageops::resize(&photo, width, height, FilterType::CatmullRom);
        for (cover, crop) in [((256, 256), (224, 224)), ((40, 90), (33, 90)), ((300, 300), (7, 299))] {
            let steps = Preprocess { cover, pixels: true, ..as_it_is(crop.0, crop.1) };
            let picture = Picture::rgb(height as usize, width as usize, photo.as_raw().clone()).unwrap();
            let ours = steps.apply(picture).unwrap();
            // The size that just covers: torchvision's.
            let (h, w) = (height as usize, width as usize);
            let (rh, rw) = if cover.0 * w >= cover.1 * h { (cover.0, w * cover.0 / h) } else { (h * cover.1 / w, cover.1) };
            let whole = imageops::resize(&photo, rw as u32, rh as u32, FilterType::Triangle);
            let (top, left) = (centre(rh, crop.0), centre(rw, crop.1));
            let mut worst = 0.0f32;
            for (at, &value) in ours.iter().enumerate() {
                let (channel, row, column) = (at / (crop.0 * crop.1), at / crop.1 % crop.0, at % crop.1);
                let theirs = whole.get_pixel((left + column) as u32, (top + row) as u32).0[channel];
                worst = worst.max((value - f32::from(theirs)).abs());
            }
            println!("{width}x{height} to cover {cover:?}, crop {crop:?}: {worst} of 255");
            assert!(worst <= 1.0, "{width}x{height} to cover {cover:?}, crop {crop:?}: {worst} of 255");
        }
    }
}

#[test]
fn a_crop_is_decoded_as_the_whole_is() {
    let photo = [Path::new(FILES).join("photos/coffee.jpg")];
    for (files, (height, width)) in [(&files("jpeg")[..], (27, 40)), (&photo, (200, 300))] {
        for file in files {
            let steps = Preprocess { exif: false, ..as_it_is(height, width) };
            let whole = pixels(&steps, file).unwrap();
            for crop in [(1, 1), (3, 5), (9, 20), (13, 39), (27, 8), (21, 24)] {
                let (top, left) = (centre(height, crop.0), centre(width, crop.1));
                let row = |row: usize| &whole[3 * (row * width + left)..][..3 * crop.1];
                let expected: Vec<u8> = (top..top + crop.0).flat_map(|at| row(at).iter().copied()).collect();
                let ours = pixels(&Preprocess { crop, ..steps }, file).unwrap();
                assert_eq!(apart(&ours, &expected), 0, "{} cropped to {crop:?}", file.display());
            }
        }
    }
}
