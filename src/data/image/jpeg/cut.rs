//! Cuts the MCUs that are wanted out of a sequential picture, as a smaller picture that the decoder has less work with.
//!
//! Their codes are kept. Only the first coefficient of a block is written as its difference from the block before: where an MCU follows
//! another one than in the file, that of each component is written anew.

use std::ops::Range;

use super::super::part::{Area, Part};
use super::bits::Codes;
use super::frame::{Frame, Scan};
use super::huffman::Huffman;
use super::segments::Tables;

/// The sizes that the first coefficient's differences have with 8 bits a sample.
const SIZES: u8 = 12;

/// A part of a picture, as it is cut out.
pub struct Cut {
    /// The MCUs that are kept.
    rows: Range<usize>,
    columns: Range<usize>,
    /// Height and width of an MCU in pixels.
    mcu: (usize, usize),
    /// For each component: its table of first coefficients, and the last one that was written.
    tables: Vec<(First, i32)>,
    out: Writer,
    /// Whether a difference has no code.
    failed: bool,
}

impl Cut {
    /// The part of a picture that holds all that is wanted, if its kind is one that can be cut.
    pub fn new(frame: &Frame, scan: &Scan, tables: &Tables, wanted: Area) -> Option<Self> {
        let (h, v) = frame.most();
        let mcu = (8 * v, 8 * h);
        let sampled = |index: usize, h, v| frame.components[index].h == h && frame.components[index].v == v;
        let known = match frame.components.len() {
            1 => true,
            3 => h <= 2 && v <= 2 && sampled(0, h, v) && sampled(1, 1, 1) && sampled(2, 1, 1),
            _ => false,
        };
        // Colours are interpolated from those beside them.
        let range = |part: Part, mcu: usize, mcus: usize| {
            let beside = if (h, v) == (1, 1) { 0 } else { 2 };
            part.first.saturating_sub(beside) / mcu..(part.first + part.len + beside).div_ceil(mcu).min(mcus)
        };
        let (rows, columns) = (range(wanted.rows, mcu.0, frame.mcus.1), range(wanted.columns, mcu.1, frame.mcus.0));
        let in_order = scan.components.iter().map(|&(index, ..)| index).eq(0..frame.components.len());
        let smaller = rows.len() * columns.len() < frame.mcus.0 * frame.mcus.1;
        if frame.progressive || !known || !in_order || !smaller {
            return None;
        }
        let first = |&(_, dc, _): &(usize, usize, usize)| First::new(dc, tables.dc.get(dc)?.as_ref()?).map(|first| (first, 0));
        let tables = scan.components.iter().map(first).collect::<Option<_>>()?;
        Some(Self { rows, columns, mcu, tables, out: Writer::default(), failed: false })
    }

    /// The MCUs of a row that are kept.
    pub fn columns(&self, row: usize) -> Option<Range<u64>> {
        self.rows.contains(&row).then_some(self.columns.start as u64..self.columns.end as u64)
    }

    /// Writes the code of a component's first coefficient, after the last one that was written.
    pub fn first(&mut self, component: usize, value: i32) {
        let (first, last) = &mut self.tables[component];
        let difference = value.wrapping_sub(*last);
        let size = 32 - difference.unsigned_abs().leading_zeros();
        if size >= SIZES.into() {
            self.failed = true;
            return;
        }
        let (code, length) = first.codes[size as usize];
        self.out.put(code.into(), length.into());
        let bits = if difference < 0 { difference - 1 } else { difference };
        self.out.put(bits as u32 & ((1 << size) - 1), size);
        *last = value;
    }

    /// Writes bits as they are.
    pub fn copy(&mut self, codes: &Codes, bits: Range<usize>) {
        let mut at = bits.start;
        while at < bits.end {
            let count = (bits.end - at).min(32);
            self.out.put(codes.at(at) >> (32 - count), count as u32);
            at += count;
        }
    }

    /// The first coefficients of the last blocks that were written.
    pub fn leave(&mut self, values: [i32; 4]) {
        for ((_, last), value) in self.tables.iter_mut().zip(values) {
            *last = value;
        }
    }

    /// The file of the part, and what of the picture it is. `None` if that could not be written.
    pub fn finish(self, header: &[u8], frame: &Frame, scan: &[u8]) -> Option<(Vec<u8>, Area)> {
        if self.failed {
            return None;
        }
        let part = |range: &Range<usize>, mcu: usize, side: usize| {
            let first = range.start * mcu;
            Part { first, len: (range.end * mcu).min(side) - first }
        };
        let rows = part(&self.rows, self.mcu.0, frame.height);
        let columns = part(&self.columns, self.mcu.1, frame.width);
        let mut file = header.to_vec();
        let sides = [rows, columns].map(|part| u16::try_from(part.len).expect("a side of a frame has 16 bits").to_be_bytes());
        file[frame.at + 1..frame.at + 5].copy_from_slice(&sides.concat());
        self.tables.iter().for_each(|(first, _)| file.extend(&first.segment));
        // There are no restart markers.
        file.extend([0xff, 0xdd, 0, 4, 0, 0]);
        file.extend(scan);
        self.out.end(&mut file);
        Some((file, Area { rows, columns }))
    }
}

/// A table of first coefficients that has a code for every size.
struct First {
    /// The table as a segment.
    segment: Vec<u8>,
    /// The code for each size, and its length.
    codes: [(u16, u8); SIZES as usize],
}

impl First {
    /// Adds the codes that a table lacks, behind all others: these stay what they are.
    fn new(index: usize, table: &Huffman) -> Option<Self> {
        let (mut counts, mut symbols) = (table.counts, table.symbols.clone());
        let missing: Vec<u8> = (0..SIZES).filter(|size| !symbols.contains(size)).collect();
        let longest = counts.iter().rposition(|&count| count > 0)?;
        let used: usize = counts.iter().enumerate().map(|(at, &count)| usize::from(count) << (15 - at)).sum();
        // The code of all ones stays free.
        let fits = |at: &usize| (missing.len() + 1) << (15 - at) <= (1 << 16) - used;
        let place = if missing.is_empty() { longest } else { (longest..16).find(|at| *at > longest && fits(at))? };
        counts[place] += missing.len() as u8;
        symbols.extend(&missing);
        let (mut codes, mut code, mut index_of) = ([(0, 0); SIZES as usize], 0u32, symbols.iter());
        for (at, &count) in counts.iter().enumerate() {
            for &symbol in index_of.by_ref().take(count.into()) {
                if let Some(found) = codes.get_mut(usize::from(symbol)) {
                    *found = (u16::try_from(code).ok()?, at as u8 + 1);
                }
                code += 1;
            }
            code <<= 1;
        }
        let length = u16::try_from(2 + 17 + symbols.len()).ok()?.to_be_bytes();
        let segment = [&[0xff, 0xc4, length[0], length[1], u8::try_from(index).ok()?][..], &counts, &symbols].concat();
        Some(Self { segment, codes })
    }
}

/// Writes bits, with a zero after each byte of ones.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    /// Bits that are not written yet: the lowest ones, fewer than 32.
    bits: u64,
    count: u32,
}

impl Writer {
    /// Up to 32 bits.
    fn put(&mut self, bits: u32, count: u32) {
        self.bits = self.bits << count | u64::from(bits);
        self.count += count;
        if self.count >= 32 {
            self.count -= 32;
            let next = (self.bits >> self.count) as u32;
            // Subtracting one from each byte of the complement borrows where it is zero.
            if (!next).wrapping_sub(0x0101_0101) & next & 0x8080_8080 == 0 {
                self.bytes.extend(next.to_be_bytes());
            } else {
                next.to_be_bytes().iter().for_each(|&byte| self.byte(byte));
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
        if byte == 0xff {
            self.bytes.push(0);
        }
    }

    /// Fills the last byte with ones, and adds all bytes and the mark of the end to a file.
    fn end(mut self, file: &mut Vec<u8>) {
        let fill = (8 - self.count % 8) % 8;
        self.bits = self.bits << fill | ((1 << fill) - 1);
        self.count += fill;
        while self.count > 0 {
            self.count -= 8;
            self.byte((self.bits >> self.count) as u8);
        }
        file.extend(self.bytes);
        file.extend(b"\xff\xd9");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_a_code() {
        let mut counts = [0; 16];
        counts[0] = 1;
        let first = First::new(2, &Huffman::new(&counts, &[0]).unwrap()).unwrap();
        assert_eq!([first.codes[0], first.codes[1], first.codes[11]], [(0, 1), (0b10000, 5), (0b11010, 5)]);
        assert_eq!(first.segment[..6], [0xff, 0xc4, 0, 2 + 17 + 12, 2, 1]);
        // One of each length: there is no room for another.
        let symbols: Vec<u8> = (1..=16).collect();
        assert!(First::new(0, &Huffman::new(&[1; 16], &symbols).unwrap()).is_none());
    }

    #[test]
    fn bytes_of_ones_are_followed_by_zeros() {
        let (mut writer, mut file) = (Writer::default(), vec![1]);
        for (bits, count) in [(0x12ff, 16), (0xff, 8), (0x34, 8), (0, 0), (0xffff_ffff, 32), (0b01, 2)] {
            writer.put(bits, count);
        }
        writer.end(&mut file);
        let expected = [1, 0x12, 0xff, 0, 0xff, 0, 0x34, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0x7f, 0xff, 0xd9];
        assert_eq!(file, expected);
    }
}
