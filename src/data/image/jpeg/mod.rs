//! Decodes JPEG files. Before decoding, it is checked that the file holds the whole picture, and the part that is wanted is cut out of it.

mod bits;
mod cut;
mod frame;
mod huffman;
mod layout;
mod progressive;
mod scan;
mod segments;
mod sequential;
mod whole;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::decoded::{Decoded, Limits, Reads};
use super::part::Area;
use super::{Fault, Picture, memory};
use whole::{Found, Header, MAX_SCANS};

pub(super) fn decode(mut file: Vec<u8>, limits: Limits, reads: Reads) -> Result<Decoded, Fault> {
    let header = Header::read(&file)?;
    let (size, orientation) = (header.size(), header.orientation());
    // Four components are inverted inks, as Adobe writes them. Like Pillow, this does not ask who wrote the file.
    let (colours, channels) = if header.components() == 1 { (ColorSpace::Luma, 1) } else { (ColorSpace::RGB, 3) };
    let pixels = channels as u64 * size.0 as u64 * size.1 as u64;
    // If there are several scans, the decoder keeps all coefficients; if there is one, it keeps a few rows of blocks.
    let coefficients = if header.several { 2 * 64 * header.blocks() } else { 0 };
    let rows = 128 * (size.1 as u64 + 64) * header.components() as u64;
    // Besides the file, there are its codes and the part that is cut out of it.
    memory::check(size, "decode", 3 * file.len() as u64 + pixels + coefficients + rows, limits.memory)?;

    let Found { end, missing, part } = header.check(&file, reads(size, orientation))?;
    if let Some(missing) = &missing
        && !limits.truncated
    {
        return Err(Fault::Truncated(missing.clone()));
    }
    let held = if let Some((part, held)) = part {
        file = part;
        held
    } else {
        // The decoder gets what was checked, and nothing after it.
        file.truncate(end);
        if missing.is_none() {
            file.extend(b"\xff\xd9");
        }
        Area::all(size)
    };
    let (height, width) = (held.rows.len, held.columns.len);
    let options = DecoderOptions::default()
        .set_max_width(width)
        .set_max_height(height)
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(colours);
    let mut values = memory::filled(size, channels * height * width, 128)?;
    let decoded = JpegDecoder::new_with_options(ZCursor::new(&file), options).decode_into(&mut values);
    // If something is missing, the decoder may fail because of that.
    if let (Err(error), None) = (decoded, &missing) {
        return Err(Fault::Damaged(error.to_string()));
    }
    let picture = Picture { height, width, channels, values };
    Ok(Decoded { picture, size, held, orientation, missing })
}

#[cfg(test)]
mod tests {
    use super::super::part::Part;
    use super::*;

    #[test]
    fn a_part_is_decoded_if_no_more_is_read() {
        let file = std::fs::read("tests/pictures/files/photos/coffee.jpg").unwrap();
        let area = |rows: (usize, usize), columns: (usize, usize)| {
            let [rows, columns] = [rows, columns].map(|(first, end)| Part { first, len: end - first });
            Area { rows, columns }
        };
        let limits = Limits { memory: 1 << 30, truncated: false };
        let decoded = decode(file, limits, &|_, _| Some(area((40, 50), (100, 120)))).unwrap();
        // It has MCUs of 16x16, and colours of every other pixel.
        assert_eq!(decoded.held, area((32, 64), (96, 128)));
        assert_eq!((decoded.size, decoded.picture.size()), ((200, 300), (32, 32)));
    }
}
