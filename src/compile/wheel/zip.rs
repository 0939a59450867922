//! Writes zip files. All files in one are of the same time and of nobody, so that the same files give the same bytes.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// The first day that a zip file can name, 1 January 1980, at midnight.
const DATE: u16 = 1 << 5 | 1;
/// A regular file, that all may read and its owner may write.
const MODE: u32 = 0o100_644 << 16;
/// Made by Unix, version 2.0 of the format.
const MADE_BY: u16 = 3 << 8 | 20;
const VERSION: u16 = 20;
const DEFLATED: u16 = 8;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;

/// A zip file of these files, in this order. Together they must have less than 4 GiB.
///
/// # Panics
/// If they have more.
pub fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let mut crc = Crc::new();
        crc.update(bytes);
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        packed.write_all(bytes).expect("a vector takes all");
        let packed = packed.finish().expect("a vector takes all");
        let at = number(out.len());
        // What both headers say.
        let mut common = Vec::new();
        [VERSION, UTF8, DEFLATED, 0, DATE].iter().for_each(|value| common.extend(value.to_le_bytes()));
        [crc.sum(), number(packed.len()), number(bytes.len())].iter().for_each(|value| common.extend(value.to_le_bytes()));
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(packed);
        directory.extend(b"PK\x01\x02");
        directory.extend(MADE_BY.to_le_bytes());
        directory.extend(common);
        // No comment, the first disk, binary.
        directory.extend([0; 6]);
        [MODE, at].iter().for_each(|value| directory.extend(value.to_le_bytes()));
        directory.extend(name.as_bytes());
    }
    let (begin, len, count) = (number(out.len()), number(directory.len()), files.len() as u16);
    out.extend(directory);
    out.extend(b"PK\x05\x06");
    [0, 0, count, count].iter().for_each(|value| out.extend(value.to_le_bytes()));
    [len, begin].iter().for_each(|value| out.extend(value.to_le_bytes()));
    out.extend([0; 2]);
    out
}

fn number(len: usize) -> u32 {
    u32::try_from(len).expect("a wheel has less than 4 GiB")
}
