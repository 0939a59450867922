//! Decodes PNG files row by row. Of 16 bits the upper 8 are kept, palettes are replaced by their colours, and transparency is dropped.

use std::io::{Cursor, ErrorKind};

use png::{DecodingError, InterlaceInfo, Transformations};

use super::decoded::{Decoded, Limits};
use super::part::Area;
use super::{Fault, Orientation, Picture, memory};

pub(super) fn decode(file: &[u8], limits: Limits) -> Result<Decoded, Fault> {
    let mut decoder =
        png::Decoder::new_with_limits(Cursor::new(file), png::Limits { bytes: limits.memory.min(1 << 48) as usize });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(|error| fault(error, "it ends before its picture"))?;
    let info = reader.info();
    let (width, height) = (info.width as usize, info.height as usize);
    let (size, interlaced) = ((height, width), info.interlaced);
    if info.frame_control.is_some_and(|frame| (frame.width, frame.height) != info.size()) {
        return Err(Fault::Damaged("its first frame is smaller than the picture".into()));
    }
    let samples = reader.output_color_type().0.samples();
    let channels = if samples < 3 { 1 } else { 3 };
    let row = reader.output_line_size(info.width).map_or(u64::MAX, |row| row as u64);
    let pixels = channels as u64 * height as u64 * width as u64;
    // The decoder holds a few rows, and data that is not unpacked yet.
    let needed = (file.len() as u64).saturating_add(pixels).saturating_add(row.saturating_mul(8));
    memory::check(size, "decode", needed, limits.memory)?;
    let mut values = memory::filled(size, pixels as usize, 128)?;
    let mut line = memory::filled(size, row as usize, 0)?;

    let (mut seen, stride) = (0, channels * width);
    let missing = loop {
        match reader.read_row(&mut line) {
            Ok(None) => break None,
            Ok(Some(interlace)) => {
                narrow(&mut line, samples, channels);
                match interlace {
                    InterlaceInfo::Null(_) => values[seen * stride..][..stride].copy_from_slice(&line[..stride]),
                    InterlaceInfo::Adam7(pass) => {
                        png::expand_interlaced_row(&mut values, stride, &line, &pass, 8 * channels as u8);
                    }
                }
                seen += 1;
            }
            Err(error) => {
                let rows = if interlaced { passes(size) } else { height };
                let of = if interlaced { " of its passes" } else { "" };
                match fault(error, &format!("it ends after {seen} of {rows} rows{of}")) {
                    Fault::Truncated(what) if limits.truncated => break Some(what),
                    fault => return Err(fault),
                }
            }
        }
    };
    if missing.is_none() {
        // Metadata may follow the pixels. If it is cut off, the picture is still complete.
        match reader.finish() {
            Err(error) if !cut(&error) => return Err(fault(error, "")),
            _ => {}
        }
    }
    let info = reader.info();
    let xmp = info.utf8_text.iter().find(|text| text.keyword == "XML:com.adobe.xmp").and_then(|text| text.get_text().ok());
    let orientation = Orientation::of(info.exif_metadata.as_deref(), xmp.as_deref().map(str::as_bytes));
    let picture = Picture { height, width, channels, values };
    Ok(Decoded { picture, size, held: Area::all(size), orientation, missing })
}

/// The number of rows in all interlaced passes that have pixels.
fn passes((height, width): (usize, usize)) -> usize {
    // The first row and column of each pass, and the step from row to row.
    const PASSES: [(usize, usize, usize); 7] = [(0, 0, 8), (0, 4, 8), (4, 0, 8), (0, 2, 4), (2, 0, 4), (0, 1, 2), (1, 0, 2)];
    let rows = |(row, column, step)| if column < width { height.saturating_sub(row).div_ceil(step) } else { 0 };
    PASSES.into_iter().map(rows).sum()
}

/// Removes the transparency from a row, in place.
fn narrow(row: &mut [u8], samples: usize, channels: usize) {
    if samples != channels {
        for pixel in 0..row.len() / samples {
            row.copy_within(pixel * samples..pixel * samples + channels, pixel * channels);
        }
    }
}

/// Whether the file ended too early.
fn cut(error: &DecodingError) -> bool {
    matches!(error, DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof)
}

fn fault(error: DecodingError, end: &str) -> Fault {
    match error {
        error if cut(&error) => Fault::Truncated(end.into()),
        DecodingError::LimitsExceeded => Fault::Unsupported("a PNG whose texts need more memory than is allowed".into()),
        error => Fault::Damaged(error.to_string()),
    }
}
