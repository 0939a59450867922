//! Files that are cut short or damaged.

use std::path::Path;

use sartor::data::image::{Fault, Preprocess};

use crate::{as_it_is, files, pixels_of};

/// The size of a picture of the files.
fn steps(file: &Path) -> Preprocess {
    if file.extension().unwrap() == "png" { as_it_is(13, 19) } else { as_it_is(27, 40) }
}

/// A file that is cut anywhere is an error, unless all its pixels are there. The pixels that are there can be read on request.
#[test]
fn every_length() {
    for file in files("jpeg").iter().chain(&files("png")) {
        let steps = steps(file);
        let partly = Preprocess { truncated: true, ..steps };
        let bytes = std::fs::read(file).unwrap();
        let whole = pixels_of(&steps, &bytes).unwrap();
        let (mut whole_at, mut parts) = (0, 0);
        for len in 0..bytes.len() {
            match pixels_of(&steps, &bytes[..len]) {
                Ok(pixels) => {
                    assert_eq!(pixels, whole, "{} cut to {len} of {} bytes", file.display(), bytes.len());
                    whole_at += 1;
                }
                Err(error) => {
                    let known = matches!(error.fault(), Some(Fault::Truncated(_) | Fault::NotAPicture(_)));
                    assert!(known, "{} cut to {len} bytes: {error}", file.display());
                }
            }
            parts += usize::from(pixels_of(&partly, &bytes[..len]).is_ok());
        }
        println!("{}: whole at {whole_at} of {} lengths, a part at {parts}", file.display(), bytes.len());
        assert!(whole_at <= 14 && parts > bytes.len() / 20, "{}", file.display());
    }
}

/// Bytes after a picture are ignored. A picture that ends early is not whole, even if its end is marked.
#[test]
fn marks_of_the_end_do_not_make_a_picture_whole() {
    for file in files("jpeg") {
        let (steps, bytes) = (steps(&file), std::fs::read(&file).unwrap());
        let whole = pixels_of(&steps, &bytes).unwrap();
        for more in [&b"\xff\xd9"[..], b"more", &bytes] {
            assert_eq!(pixels_of(&steps, &[&bytes, more].concat()).unwrap(), whole, "{}", file.display());
        }
        // The last scan's codes begin here.
        let scan = bytes.windows(2).rposition(|marker| marker == [0xff, 0xda]).unwrap();
        let codes = scan + 2 + usize::from(u16::from_be_bytes([bytes[scan + 2], bytes[scan + 3]]));
        for len in (codes..bytes.len() - 4).filter(|&len| bytes[len - 1] != 0xff) {
            let cut = [&bytes[..len], b"\xff\xd9"].concat();
            match pixels_of(&steps, &cut) {
                Ok(pixels) => assert_eq!(pixels, whole, "{} cut to {len} bytes", file.display()),
                Err(error) => assert!(matches!(error.fault(), Some(Fault::Truncated(_))), "{}: {error}", file.display()),
            }
        }
    }
}

/// The share of a picture's pixels that are there.
#[test]
fn what_is_missing_is_told() {
    let cut = |name: &str, part: f64| {
        let bytes = std::fs::read(Path::new(crate::FILES).join(name)).unwrap();
        let len = (bytes.len() as f64 * part) as usize;
        pixels_of(&as_it_is(27, 40), &bytes[..len]).unwrap_err().to_string()
    };
    assert!(cut("photos/coffee.jpg", 0.5).contains("it ends after 4"), "{}", cut("photos/coffee.jpg", 0.5));
    assert!(cut("photos/chelsea.png", 0.5).contains("of 77 rows"), "{}", cut("photos/chelsea.png", 0.5));
    assert!(cut("png/rgb8_interlaced.png", 0.5).contains("of 26 rows of its passes"), "{}", cut("png/rgb8_interlaced.png", 0.5));
    assert!(cut("jpeg/ycc444_progressive.jpg", 0.8).contains("scan"), "{}", cut("jpeg/ycc444_progressive.jpg", 0.8));
    assert!(cut("jpeg/grey.jpg", 0.1).contains("before its picture"), "{}", cut("jpeg/grey.jpg", 0.1));
}

/// A cut picture has the pixels of the whole one, then grey.
#[test]
fn a_part_is_grey_where_it_is_missing() {
    let bytes = std::fs::read("tests/pictures/files/photos/coffee.jpg").unwrap();
    let steps = as_it_is(200, 300);
    let whole = pixels_of(&steps, &bytes).unwrap();
    let part = pixels_of(&Preprocess { truncated: true, ..steps }, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(part[..3 * 300 * 48], whole[..3 * 300 * 48]);
    assert!(part[3 * 300 * 160..].iter().all(|&value| value == 128));
}

/// No changed byte makes a reader panic. PNG files have checksums, so a change is noticed or does not matter to the pixels.
#[test]
fn every_byte_changed() {
    for file in files("jpeg").iter().chain(&files("png")) {
        let (steps, bytes) = (steps(file), std::fs::read(file).unwrap());
        let whole = pixels_of(&steps, &bytes).unwrap();
        for at in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= change;
                let (pixels, limited) = (pixels_of(&steps, &bytes), Preprocess { max_memory: 1 << 20, truncated: true, ..steps });
                if file.extension().unwrap() == "png" {
                    assert!(pixels.is_err() || pixels.unwrap() == whole, "{} changed at {at}", file.display());
                } else {
                    let _ = pixels_of(&limited, &bytes);
                }
            }
        }
    }
}

/// Invalid codes are damage, wherever they are.
#[test]
fn bad_codes() {
    for (name, codes) in [("ycc420", &[0xff, 0, 0xff, 0, 0xff, 0][..]), ("grey_progressive", &[0xff, 0, 0xff, 0, 0xff, 0])] {
        let bytes = std::fs::read(Path::new(crate::FILES).join(format!("jpeg/{name}.jpg"))).unwrap();
        let scan = bytes.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
        let start = scan + 2 + usize::from(u16::from_be_bytes([bytes[scan + 2], bytes[scan + 3]]));
        let bad = [&bytes[..start + 2], codes, &bytes[start + 2..]].concat();
        let error = pixels_of(&as_it_is(27, 40), &bad).unwrap_err();
        assert!(matches!(error.fault(), Some(Fault::Damaged(_))), "{name}: {error}");
    }
    // A restart marker is missing, or replaced by another.
    let bytes = std::fs::read("tests/pictures/files/jpeg/ycc444_restarts.jpg").unwrap();
    let restart = bytes.windows(2).position(|marker| marker == [0xff, 0xd1]).unwrap();
    for with in [&[][..], &[0xff, 0xd5]] {
        let bad = [&bytes[..restart], with, &bytes[restart + 2..]].concat();
        let error = pixels_of(&as_it_is(27, 40), &bad).unwrap_err();
        assert!(matches!(error.fault(), Some(Fault::Damaged(_) | Fault::Truncated(_))), "{error}");
    }
}
