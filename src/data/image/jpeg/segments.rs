//! Reads the segments of a JPEG file other than scans: sizes, tables and metadata.

use super::super::Fault;
use super::frame::{Component, Frame, Scan};
use super::huffman::Huffman;

/// A marker and its segment.
pub struct Segment<'a> {
    pub marker: u8,
    pub content: &'a [u8],
    /// The position after it.
    pub end: usize,
}

pub const EOI: u8 = 0xd9;
pub const SOS: u8 = 0xda;

/// The next segment from position `at` on; `None` if the file ends before the segment does. Bytes between segments are skipped.
pub fn next(file: &[u8], mut at: usize) -> Result<Option<Segment<'_>>, Fault> {
    loop {
        let Some(found) = file[at..].iter().position(|&byte| byte == 0xff) else { return Ok(None) };
        at += found;
        let Some(fill) = file[at..].iter().position(|&byte| byte != 0xff) else { return Ok(None) };
        at += fill + 1;
        match file[at - 1] {
            // A stuffed byte, a restart marker that is left over, and a reserved marker have no segment.
            0 | 1 | 0xd0..=0xd8 => {}
            EOI => return Ok(Some(Segment { marker: EOI, content: &[], end: at })),
            marker => {
                let Some(length) = file.get(at..).and_then(|rest| rest.first_chunk()).map(|&length| u16::from_be_bytes(length))
                else {
                    return Ok(None);
                };
                let length = usize::from(length);
                if length < 2 {
                    return Err(Fault::Damaged(format!("segment {marker:02x} has length {length}")));
                }
                let content = file.get(at + 2..at + length);
                return Ok(content.map(|content| Segment { marker, content, end: at + length }));
            }
        }
    }
}

/// All that segments say about the picture.
#[derive(Default)]
pub struct Tables {
    pub frame: Option<Frame>,
    pub dc: [Option<Huffman>; 4],
    pub ac: [Option<Huffman>; 4],
    /// The number of MCUs between restart markers; 0 if there are none.
    pub restart: usize,
    pub exif: Option<Vec<u8>>,
    pub xmp: Option<Vec<u8>>,
}

impl Tables {
    /// Reads a segment that is not a scan.
    pub fn take(&mut self, segment: &Segment) -> Result<(), Fault> {
        match (segment.marker, segment.content) {
            (0xc0..=0xc2, _) => self.frame(segment)?,
            (0xc3, _) => return Err(Fault::Unsupported("a lossless JPEG".into())),
            (0xc9..=0xcf, _) => return Err(Fault::Unsupported("a JPEG with arithmetic coding".into())),
            (0xc5..=0xc7, _) => return Err(Fault::Unsupported("a hierarchical JPEG".into())),
            (0xc4, content) => self.huffman(content)?,
            (0xdc, _) => return Err(Fault::Unsupported("a JPEG that gives its height after its pixels".into())),
            (0xdd, &[high, low]) => self.restart = u16::from_be_bytes([high, low]).into(),
            (0xdd, _) => return Err(Fault::Damaged("its restart interval has a wrong length".into())),
            (0xe1, content) => {
                if let Some(exif) = content.strip_prefix(b"Exif\0\0") {
                    self.exif.get_or_insert_with(|| exif.to_vec());
                } else if let Some(xmp) = content.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
                    self.xmp.get_or_insert_with(|| xmp.to_vec());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn frame(&mut self, segment: &Segment) -> Result<(), Fault> {
        let content = segment.content;
        let damaged = || Fault::Damaged("its frame header is wrong".into());
        let ([bits, h1, h0, w1, w0, count], components) = content.split_first_chunk().ok_or_else(damaged)?;
        let (height, width) = (u16::from_be_bytes([*h1, *h0]), u16::from_be_bytes([*w1, *w0]));
        match (bits, height, count) {
            (8, 1.., 1 | 3 | 4) => {}
            (8, 1.., _) => return Err(Fault::Unsupported(format!("a JPEG with {count} components"))),
            (8, 0, _) => return Err(Fault::Unsupported("a JPEG that gives its height after its pixels".into())),
            _ => return Err(Fault::Unsupported(format!("a JPEG with {bits} bits per sample"))),
        }
        if self.frame.is_some() || width == 0 || components.len() != 3 * usize::from(*count) {
            return Err(damaged());
        }
        let component = |part: &[u8]| Component { id: part[0], h: usize::from(part[1] >> 4), v: usize::from(part[1] & 15) };
        let components: Vec<_> = components.chunks_exact(3).map(component).collect();
        if components.iter().any(|component| !(1..=4).contains(&component.h) || !(1..=4).contains(&component.v)) {
            return Err(damaged());
        }
        let mut frame = Frame {
            height: height.into(),
            width: width.into(),
            progressive: segment.marker == 0xc2,
            components,
            mcus: (0, 0),
            at: segment.end - content.len(),
        };
        if let [only] = &mut frame.components[..] {
            // A single component has no other to be subsampled against.
            (only.h, only.v) = (1, 1);
        }
        let (h, v) = frame.most();
        frame.mcus = (frame.width.div_ceil(8 * h), frame.height.div_ceil(8 * v));
        self.frame = Some(frame);
        Ok(())
    }

    fn huffman(&mut self, mut content: &[u8]) -> Result<(), Fault> {
        let damaged = || Fault::Damaged("its Huffman tables are wrong".into());
        while !content.is_empty() {
            let ([which, counts @ ..], rest) = content.split_first_chunk::<17>().ok_or_else(damaged)?;
            let symbols = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(symbols).ok_or_else(damaged)?;
            let tables = if which >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let table = tables.get_mut(usize::from(which & 15)).filter(|_| which >> 4 < 2).ok_or_else(damaged)?;
            *table = Some(Huffman::new(counts, symbols).ok_or_else(damaged)?);
            content = rest;
        }
        Ok(())
    }

    /// Reads a scan's header.
    pub fn scan(&self, content: &[u8]) -> Result<Scan, Fault> {
        let damaged = || Fault::Damaged("its scan header is wrong".into());
        let frame = self.frame.as_ref().ok_or_else(damaged)?;
        let (&count, rest) = content.split_first().ok_or_else(damaged)?;
        let (parts, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or_else(damaged)?;
        let &[start, end, approximation] = rest else { return Err(damaged()) };
        let mut components: Vec<(usize, usize, usize)> = Vec::new();
        for part in parts.chunks_exact(2) {
            let index = frame.components.iter().position(|component| component.id == part[0]).ok_or_else(damaged)?;
            if components.iter().any(|&(other, ..)| other == index) {
                return Err(damaged());
            }
            components.push((index, usize::from(part[1] >> 4), usize::from(part[1] & 15)));
        }
        let blocks: usize = components.iter().map(|&(index, ..)| frame.components[index].h * frame.components[index].v).sum();
        let bands = match (frame.progressive, start, end) {
            (false, ..) => true,
            (true, 0, 0) => true,
            (true, 1.., ..=63) => start <= end && components.len() == 1,
            _ => false,
        };
        if components.is_empty() || !bands || (components.len() > 1 && blocks > 10) || approximation & 15 > 13 {
            return Err(damaged());
        }
        Ok(Scan { components, start, end, high: approximation >> 4, low: approximation & 15 })
    }
}
