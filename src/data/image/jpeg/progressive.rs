//! Reads the codes of a progressive picture.

use std::ops::Range;

use super::bits::Bits;
use super::frame::Scan;
use super::huffman::{Huffman, Stop};
use super::layout::Layout;

/// Which coefficients of each component's blocks are not zero so far. The codes of later scans depend on this.
pub type NonZero = Vec<Vec<u64>>;

/// Reads past MCUs between two restart markers. Counts those that are there.
pub fn read(bits: &mut Bits, layout: &Layout, mcus: Range<u64>, non_zero: &mut NonZero, done: &mut u64) -> Result<(), Stop> {
    let mut reader = Reader { bits, scan: layout.scan, run: 0 };
    for mcu in mcus {
        let (row, column) = (mcu as usize / layout.columns, mcu as usize % layout.columns);
        for (index, (dc, ac), (h, v)) in layout.components() {
            for (y, x) in (0..v).flat_map(|y| (0..h).map(move |x| (y, x))) {
                let block = (row * v + y) * layout.frame.padded(index).0 + column * h + x;
                reader.block(dc, ac, &mut non_zero[index][block])?;
            }
        }
        *done += 1;
    }
    Ok(())
}

struct Reader<'a, 'b> {
    bits: &'a mut Bits<'b>,
    scan: &'a Scan,
    /// How many blocks follow that have no coefficients of their own.
    run: u32,
}

fn table(table: Option<&Huffman>) -> Result<&Huffman, Stop> {
    table.ok_or(Stop::Bad("a table is missing"))
}

impl Reader<'_, '_> {
    fn skip(&mut self, bits: u32) -> Result<(), Stop> {
        self.bits.take(bits).map(|_| ()).ok_or(Stop::Short)
    }

    fn block(&mut self, dc: Option<&Huffman>, ac: Option<&Huffman>, non_zero: &mut u64) -> Result<(), Stop> {
        match (self.scan.start, self.scan.high) {
            (0, 0) => table(dc)?.difference(self.bits).and_then(|_| self.skip(0)),
            (0, _) => self.skip(1),
            (_, 0) => self.begin(table(ac)?, non_zero),
            _ => self.refine(table(ac)?, non_zero),
        }
    }

    /// Reads the upper bits of a block's coefficients.
    fn begin(&mut self, ac: &Huffman, non_zero: &mut u64) -> Result<(), Stop> {
        if self.run > 0 {
            self.run -= 1;
            return Ok(());
        }
        let mut at = self.scan.start;
        while at <= self.scan.end {
            let symbol = ac.symbol(self.bits)?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => at += 16,
                (run, 0) => {
                    self.run = (1 << run) - 1 + self.bits.take(run.into()).ok_or(Stop::Short)?;
                    break;
                }
                (zeros, bits) => {
                    at += zeros;
                    if at > self.scan.end {
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
    fn refine(&mut self, ac: &Huffman, non_zero: &mut u64) -> Result<(), Stop> {
        let mut at = self.scan.start;
        while self.run == 0 && at <= self.scan.end {
            let symbol = ac.symbol(self.bits)?;
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
            while at <= self.scan.end {
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
                if at > self.scan.end {
                    return Err(Stop::Bad("a block has more coefficients than the scan"));
                }
                *non_zero |= 1 << at;
            }
            at += 1;
        }
        if self.run > 0 {
            let band = (u64::MAX >> (63 - self.scan.end)) & (u64::MAX << at.min(63));
            if at <= self.scan.end {
                for _ in 0..(*non_zero & band).count_ones() {
                    self.skip(1)?;
                }
            }
            self.run -= 1;
        }
        Ok(())
    }
}
