//! Compares EXIF's eight orientations with Pillow's `exif_transpose`.

use std::path::Path;

use sartor::data::image::Preprocess;

use crate::{FILES, apart, as_it_is, pixels_of, sheet};

/// A picture with EXIF data that says how it lies.
fn lying(file: &str, orientation: u8) -> Vec<u8> {
    let bytes = std::fs::read(Path::new(FILES).join(file)).unwrap();
    let tiff = [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[orientation], &[0; 6]].concat();
    if file.ends_with(".jpg") {
        let content = [b"Exif\0\0", &tiff[..]].concat();
        let length = (content.len() as u16 + 2).to_be_bytes();
        return [&bytes[..2], b"\xff\xe1", &length, &content, &bytes[2..]].concat();
    }
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    let mut info = reader.info().clone();
    info.exif_metadata = Some(tiff.into());
    let mut out = Vec::new();
    let mut writer = png::Encoder::with_info(&mut out, info).unwrap().write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    out
}

#[test]
fn all_eight_are_turned_as_pillow_does() {
    let sheet = sheet("upright.png");
    let mut theirs = sheet.chunks_exact(3 * 16 * 16);
    for (file, most) in [("jpeg/ycc420.jpg", 5), ("png/rgb8.png", 1)] {
        for orientation in 1..=8 {
            let bytes = lying(file, orientation);
            let steps = Preprocess { cover: (20, 20), ..as_it_is(16, 16) };
            let error = apart(&pixels_of(&steps, &bytes).unwrap(), theirs.next().unwrap());
            println!("{file}, orientation {orientation}: {error} from Pillow's");
            assert!(error <= most, "{file}, orientation {orientation}: {error} of 255");

            let left = Preprocess { exif: false, ..steps };
            let stored = pixels_of(&left, &bytes).unwrap();
            assert_eq!(stored, pixels_of(&left, &lying(file, 1)).unwrap(), "without EXIF it is as stored");
        }
    }
    assert!(theirs.next().is_none());
}

/// Turning a picture moves its pixels and does not change their values.
#[test]
fn turning_is_exact_without_resizing() {
    let stored = pixels_of(&as_it_is(13, 19), &lying("png/rgb8.png", 1)).unwrap();
    let at = |row: usize, column: usize| &stored[3 * (19 * row + column)..][..3];
    let upright = |orientation: u8, height: usize, width: usize, from: fn(usize, usize) -> (usize, usize)| {
        let ours = pixels_of(&as_it_is(height, width), &lying("png/rgb8.png", orientation)).unwrap();
        for (index, pixel) in ours.chunks_exact(3).enumerate() {
            let (row, column) = from(index / width, index % width);
            assert_eq!(pixel, at(row, column), "orientation {orientation}");
        }
    };
    upright(2, 13, 19, |row, column| (row, 18 - column));
    upright(3, 13, 19, |row, column| (12 - row, 18 - column));
    upright(4, 13, 19, |row, column| (12 - row, column));
    upright(5, 19, 13, |row, column| (column, row));
    upright(6, 19, 13, |row, column| (12 - column, row));
    upright(7, 19, 13, |row, column| (12 - column, 18 - row));
    upright(8, 19, 13, |row, column| (column, 18 - row));
}

/// Malformed EXIF data is ignored. Without EXIF data, XMP is used.
#[test]
fn xmp_and_malformed_exif() {
    let plain = pixels_of(&as_it_is(27, 40), &lying("jpeg/ycc420.jpg", 1)).unwrap();
    let good = lying("jpeg/ycc420.jpg", 6);
    for at in 12..38 {
        let mut bytes = good.clone();
        bytes[at] ^= 0xa5;
        assert_eq!(pixels_of(&Preprocess { exif: false, ..as_it_is(27, 40) }, &bytes).unwrap(), plain);
        assert!(pixels_of(&as_it_is(20, 20), &bytes).is_ok());
    }
    let file = std::fs::read("tests/pictures/files/jpeg/ycc420.jpg").unwrap();
    let xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation=\"6\"/>";
    let length = (xmp.len() as u16 + 2).to_be_bytes();
    let with = [&file[..2], b"\xff\xe1", &length, xmp, &file[2..]].concat();
    let of_exif = pixels_of(&as_it_is(40, 27), &good).unwrap();
    assert_eq!(pixels_of(&as_it_is(40, 27), &with).unwrap(), of_exif);
}
