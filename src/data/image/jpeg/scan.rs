//! Reads the codes of a scan, without decoding pixels, to find out whether all of them are in the file.

use super::bits::Bits;
use super::frame::{Frame, Scan};
use super::huffman::{Huffman, Stop};
use super::segments::Tables;

/// Which coefficients of each component's blocks are not zero so far. The codes of later scans depend on this.
pub type NonZero = Vec<Vec<u64>>;

/// How much of a scan could be read.
pub struct Reached {
    /// How many MCUs could be read, and how many the scan has.
    pub mcus: u64,
    pub of: u64,
    /// Why reading stopped before the end.
    pub stop: Option<Stop>,
    /// The position of the next marker, or the end of the file.
    pub at: usize,
}

/// Reads the scan whose codes begin at position `at`.
pub fn read(file: &[u8], at: usize, scan: &Scan, tables: &Tables, frame: &Frame, non_zero: &mut NonZero) -> Reached {
    let (columns, rows) = match scan.components[..] {
        [(only, ..)] => frame.own(only),
        _ => frame.mcus,
    };
    let mut reader = Reader { bits: Bits::new(file, at), run: 0, file, restarts: 0 };
    let mut mcu = 0;
    let mut next = || -> Result<(), Stop> {
        for row in 0..rows {
            for column in 0..columns {
                if tables.restart > 0 && mcu > 0 && mcu % tables.restart as u64 == 0 {
                    reader.restart()?;
                }
                for &(index, dc, ac) in &scan.components {
                    let (dc, ac) = (tables.dc.get(dc).and_then(Option::as_ref), tables.ac.get(ac).and_then(Option::as_ref));
                    let (h, v) = match scan.components.len() {
                        1 => (1, 1),
                        _ => (frame.components[index].h, frame.components[index].v),
                    };
                    for (y, x) in (0..v).flat_map(|y| (0..h).map(move |x| (y, x))) {
                        if frame.progressive {
                            let block = (row * v + y) * frame.padded(index).0 + column * h + x;
                            reader.progressive(scan, dc, ac, &mut non_zero[index][block])?;
                        } else {
                            reader.sequential(table(dc)?, table(ac)?)?;
                        }
                    }
                }
                mcu += 1;
            }
        }
        Ok(())
    };
    let stop = next().err();
    Reached { mcus: mcu, of: rows as u64 * columns as u64, stop, at: reader.bits.end().0 }
}

fn table(table: Option<&Huffman>) -> Result<&Huffman, Stop> {
    table.ok_or(Stop::Bad("a table is missing"))
}

struct Reader<'a> {
    file: &'a [u8],
    bits: Bits<'a>,
    /// How many blocks follow that have no coefficients of their own.
    run: u32,
    /// How many restart markers were read, modulo 8.
    restarts: u8,
}

impl Reader<'_> {
    fn skip(&mut self, bits: u32) -> Result<(), Stop> {
        skip(&mut self.bits, bits)
    }

    /// Reads the next restart marker.
    fn restart(&mut self) -> Result<(), Stop> {
        let bits = std::mem::replace(&mut self.bits, Bits::new(self.file, self.file.len()));
        let (mut at, skipped) = bits.end();
        while let Some([0xff, 0xff, ..]) = self.file.get(at..) {
            at += 1;
        }
        match self.file.get(at..) {
            Some(&[0xff, marker, ..]) if marker == 0xd0 + self.restarts && skipped == 0 => {}
            // Restart markers must come in order.
            Some([0xff, 0xd0..=0xd7, ..]) => return Err(Stop::Bad("a restart marker is out of order")),
            _ => {
                self.bits = Bits::new(self.file, at);
                return Err(Stop::Short);
            }
        }
        self.restarts = (self.restarts + 1) % 8;
        self.run = 0;
        self.bits = Bits::new(self.file, at + 2);
        Ok(())
    }

    fn first(&mut self, table: &Huffman) -> Result<(), Stop> {
        first(&mut self.bits, table)
    }

    fn sequential(&mut self, dc: &Huffman, ac: &Huffman) -> Result<(), Stop> {
        let mut bits = self.bits;
        let done = sequential(&mut bits, dc, ac);
        self.bits = bits;
        done
    }

    fn progressive(&mut self, scan: &Scan, dc: Option<&Huffman>, ac: Option<&Huffman>, non_zero: &mut u64) -> Result<(), Stop> {
        match (scan.start, scan.high) {
            (0, 0) => self.first(table(dc)?),
            (0, _) => self.skip(1),
            (_, 0) => self.begin(scan, table(ac)?, non_zero),
            _ => self.refine(scan, table(ac)?, non_zero),
        }
    }

    /// Reads the upper bits of a block's coefficients.
    fn begin(&mut self, scan: &Scan, ac: &Huffman, non_zero: &mut u64) -> Result<(), Stop> {
        if self.run > 0 {
            self.run -= 1;
            return Ok(());
        }
        let mut at = scan.start;
        while at <= scan.end {
            let symbol = ac.symbol(&mut self.bits)?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => at += 16,
                (run, 0) => {
                    self.run = (1 << run) - 1 + self.bits.take(run.into()).ok_or(Stop::Short)?;
                    break;
                }
                (zeros, bits) => {
                    at += zeros;
                    if at > scan.end {
                        return Err(Stop::Bad("a block has more coefficients than the scan"));
                    }
                    self.skip(bits.into())?;
                    *non_zero |= 1 << at;
                    at += 1;
                }
            }
        }
        Ok(())
    }

    /// Reads one more bit of each coefficient that is not zero, and new coefficients.
    fn refine(&mut self, scan: &Scan, ac: &Huffman, non_zero: &mut u64) -> Result<(), Stop> {
        let mut at = scan.start;
        while self.run == 0 && at <= scan.end {
            let symbol = ac.symbol(&mut self.bits)?;
            let mut zeros = symbol >> 4;
            match (zeros, symbol & 15) {
                (15, 0) => {}
                (run, 0) => {
                    self.run = (1 << run) + self.bits.take(run.into()).ok_or(Stop::Short)?;
                    break;
                }
                (_, 1) => self.skip(1)?,
                _ => return Err(Stop::Bad("a coefficient is out of range")),
            }
            while at <= scan.end {
                if *non_zero >> at & 1 == 1 {
                    self.skip(1)?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                at += 1;
            }
            if symbol & 15 == 1 {
                if at > scan.end {
                    return Err(Stop::Bad("a block has more coefficients than the scan"));
                }
                *non_zero |= 1 << at;
            }
            at += 1;
        }
        if self.run > 0 {
            let band = (u64::MAX >> (63 - scan.end)) & (u64::MAX << at.min(63));
            if at <= scan.end {
                for _ in 0..(*non_zero & band).count_ones() {
                    self.skip(1)?;
                }
            }
            self.run -= 1;
        }
        Ok(())
    }
}

#[inline]
fn skip(bits: &mut Bits, count: u32) -> Result<(), Stop> {
    bits.take(count).map(|_| ()).ok_or(Stop::Short)
}

/// Reads the first coefficient of a block.
#[inline]
fn first(bits: &mut Bits, table: &Huffman) -> Result<(), Stop> {
    match table.coefficient(bits)? {
        (..=15, left) => skip(bits, left),
        _ => Err(Stop::Bad("a coefficient is out of range")),
    }
}

/// Reads a block of a sequential picture.
#[inline]
fn sequential(bits: &mut Bits, dc: &Huffman, ac: &Huffman) -> Result<(), Stop> {
    first(bits, dc)?;
    let mut at = 1;
    while at < 64 {
        let (symbol, left) = ac.coefficient(bits)?;
        let zeros = u32::from(symbol >> 4);
        match (zeros, symbol & 15) {
            (15, 0) => at += 16,
            (_, 0) => break,
            _ if at + zeros > 63 => return Err(Stop::Bad("a block has too many coefficients")),
            _ => {
                skip(bits, left)?;
                at += zeros + 1;
            }
        }
    }
    Ok(())
}
