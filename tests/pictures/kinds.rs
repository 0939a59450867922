//! Every kind of file that can be read, and the errors for those that cannot.

use sartor::data::image::Fault;

use crate::{apart, as_it_is, files, pixels, pixels_of, sheet};

/// Compares all files of a folder with Pillow's pixels and the image crate's.
fn compare(folder: &str, height: usize, width: usize, of_pillow: u8, least: usize) {
    let sheet = sheet(&format!("{folder}.png"));
    let files = files(folder);
    assert!(files.len() >= least && sheet.height() as usize == height * files.len() && sheet.width() as usize == width);
    let mut wrong = Vec::new();
    for (file, pillow) in files.iter().zip(sheet.chunks_exact(3 * height * width)) {
        let ours = pixels(&as_it_is(height, width), file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        // Pillow makes all but the darkest of 256 levels white when grey of 16 bits becomes RGB.
        let from_pillow = if name.starts_with("grey16") { 0 } else { apart(&ours, pillow) };
        let from_image = apart(&ours, &image::open(file).unwrap().to_rgb8());
        println!("{name}: {from_pillow} from Pillow's, {from_image} from the image crate's");
        if from_pillow > of_pillow || from_image > 1 {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn jpegs_of_every_kind() {
    compare("jpeg", 27, 40, 5, 30);
}

#[test]
fn pngs_of_every_kind() {
    compare("png", 13, 19, 0, 30);
}

/// Kinds that the decoder does not know, or would read wrongly, are refused.
#[test]
fn kinds_that_would_be_wrong_are_refused() {
    let files = files("refused");
    assert!(files.len() >= 4);
    for file in files {
        let error = pixels(&as_it_is(27, 40), &file).unwrap_err();
        assert!(matches!(error.fault(), Some(Fault::Unsupported(_))), "{error}");
    }
}

/// Errors name the kind of a file that no decoder here knows. Its header tells.
#[test]
fn kinds_that_are_not_read_are_named() {
    let good = std::fs::read("tests/pictures/files/jpeg/ycc420.jpg").unwrap();
    let frame = good.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[frame + at] = byte;
        bytes
    };
    let cases = [
        (with(1, 0xc3), "lossless"),
        (with(1, 0xc9), "arithmetic"),
        (with(1, 0xca), "arithmetic"),
        (with(1, 0xc5), "hierarchical"),
        (with(4, 12), "12 bits"),
        ([&good[..frame + 5], &[0, 0], &good[frame + 7..]].concat(), "height after"),
        (b"RIFF1234WEBPVP8 ".to_vec(), "WebP"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(), "HEIC"),
        (b"GIF89a".to_vec(), "GIF"),
        (b"text".to_vec(), "not a JPEG or PNG picture"),
        (Vec::new(), "not a JPEG or PNG picture"),
    ];
    for (bytes, part) in cases {
        let error = pixels_of(&as_it_is(27, 40), &bytes).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
