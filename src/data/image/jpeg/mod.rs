//! Decodes JPEG files. Before decoding, it is checked that the file holds the whole picture.

mod bits;
mod frame;
mod huffman;
mod scan;
mod segments;
mod whole;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::decoded::{Decoded, Limits};
use super::{Fault, Picture, memory};
use whole::{Found, Header, MAX_SCANS};

pub(super) fn decode(mut file: Vec<u8>, limits: Limits) -> Result<Decoded, Fault> {
    let header = Header::read(&file)?;
    let (size, orientation) = (header.size(), header.orientation());
    let (height, width) = size;
    // Four components are inverted inks, as Adobe writes them. Like Pillow, this does not ask who wrote the file.
    let (colours, channels) = if header.components() == 1 { (ColorSpace::Luma, 1) } else { (ColorSpace::RGB, 3) };
    let pixels = channels * height * width;
    // If there are several scans, the decoder keeps all coefficients; if there is one, it keeps a few rows of blocks.
    let coefficients = if header.several { 2 * 64 * header.blocks() } else { 0 };
    let rows = 128 * (width as u64 + 64) * header.components() as u64;
    memory::check(size, "decode", file.len() as u64 + pixels as u64 + coefficients + rows, limits.memory)?;

    let Found { end, missing } = header.check(&file)?;
    if let Some(missing) = &missing
        && !limits.truncated
    {
        return Err(Fault::Truncated(missing.clone()));
    }
    // The decoder gets the part that was checked, and nothing after it.
    file.truncate(end);
    if missing.is_none() {
        file.extend(b"\xff\xd9");
    }
    let options = DecoderOptions::default()
        .set_max_width(width)
        .set_max_height(height)
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(colours);
    let mut values = memory::filled(size, pixels, 128)?;
    let decoded = JpegDecoder::new_with_options(ZCursor::new(&file), options).decode_into(&mut values);
    // If something is missing, the decoder may fail because of that.
    if let (Err(error), None) = (decoded, &missing) {
        return Err(Fault::Damaged(error.to_string()));
    }
    Ok(Decoded { picture: Picture { height, width, channels, values }, orientation, missing })
}
