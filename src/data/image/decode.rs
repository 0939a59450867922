//! Finds the format of a picture's file, and decodes it.

use super::decoded::{Decoded, Limits, Reads};
use super::{Fault, jpeg, png};

pub(super) fn decode(file: Vec<u8>, limits: Limits, reads: Reads) -> Result<Decoded, Fault> {
    if file.starts_with(b"\xff\xd8") {
        jpeg::decode(file, limits, reads)
    } else if file.starts_with(b"\x89PNG\r\n\x1a\n") {
        png::decode(&file, limits)
    } else {
        Err(Fault::NotAPicture(known(&file)))
    }
}

/// Other formats of pictures, by their first bytes.
fn known(file: &[u8]) -> Option<&'static str> {
    match file {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("WebP"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f' | b's', ..] => Some("AVIF"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', b'i' | b'v' | b'f', ..] => Some("HEIC"),
        [b'G', b'I', b'F', b'8', ..] => Some("GIF"),
        [b'B', b'M', ..] => Some("BMP"),
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => Some("TIFF"),
        _ => None,
    }
}
