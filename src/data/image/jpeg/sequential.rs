//! Reads the codes of a sequential picture.

use std::ops::Range;

use super::bits::{Bits, Codes};
use super::cut::Cut;
use super::huffman::{Huffman, Steps, Stop};
use super::layout::Layout;

/// One block of an MCU: its component, and the tables of its first coefficient and of the others.
#[derive(Clone, Copy)]
struct Block<'a> {
    component: usize,
    first: &'a Huffman,
    others: (&'a Huffman, &'a Steps),
}

/// Reads past MCUs between two restart markers, and hands those that are cut out on. Counts the MCUs that are there.
pub fn read(
    (codes, bits): (&Codes, &mut Bits),
    layout: &Layout,
    mcus: Range<u64>,
    mut cut: Option<&mut Cut>,
    done: &mut u64,
) -> Result<(), Stop> {
    let mut blocks = Vec::new();
    for (place, (component, tables, (h, v))) in layout.components().enumerate() {
        let (Some(first), Some(others), Some(steps)) = (tables.0, tables.1, layout.steps(place)) else {
            return Err(Stop::Bad("a table is missing"));
        };
        blocks.extend((0..h * v).map(|_| Block { component, first, others: (others, steps) }));
    }
    let mut walk = Walk { blocks, values: [0; 4], done };
    let columns = layout.columns as u64;
    let mut at = mcus.start;
    while at < mcus.end {
        let (row, column) = ((at / columns) as usize, at % columns);
        let end = columns.min(column + mcus.end - at);
        if let Some(cut) = &mut cut
            && let Some(kept) = cut.columns(row)
            && kept.start.max(column) < kept.end.min(end)
        {
            let (from, to) = (kept.start.max(column), kept.end.min(end));
            walk.past(bits, from - column)?;
            let begin = walk.enter((codes, bits), cut)?;
            walk.past(bits, to - from - 1)?;
            cut.copy(codes, begin..bits.position());
            cut.leave(walk.values);
            walk.past(bits, end - to)?;
        } else {
            walk.past(bits, end - column)?;
        }
        at += end - column;
    }
    Ok(())
}

struct Walk<'a, 'd> {
    blocks: Vec<Block<'a>>,
    /// The first coefficient of each component's last block.
    values: [i32; 4],
    done: &'d mut u64,
}

impl Walk<'_, '_> {
    /// Reads past MCUs.
    fn past(&mut self, reader: &mut Bits, mcus: u64) -> Result<(), Stop> {
        // A copy can stay in registers.
        let mut bits = *reader;
        for _ in 0..mcus {
            for block in &self.blocks {
                let value = &mut self.values[block.component];
                *value = value.wrapping_add(block.first.difference(&mut bits)?);
                others(&mut bits, block.others)?;
            }
            *self.done += 1;
        }
        *reader = bits;
        Ok(())
    }

    /// Reads an MCU that follows another one in the cut than in the file: the first coefficients of its components' first blocks are written
    /// anew. Returns the position of the bits that are not written yet.
    fn enter(&mut self, (codes, bits): (&Codes, &mut Bits), cut: &mut Cut) -> Result<usize, Stop> {
        let (mut begin, mut last) = (bits.position(), None);
        for block in &self.blocks {
            let start = bits.position();
            let value = &mut self.values[block.component];
            *value = value.wrapping_add(block.first.difference(bits)?);
            if last != Some(block.component) {
                cut.copy(codes, begin..start);
                cut.first(block.component, *value);
                begin = bits.position();
            }
            last = Some(block.component);
            others(bits, block.others)?;
        }
        *self.done += 1;
        Ok(begin)
    }
}

/// Reads past the other coefficients of a block.
#[inline(always)]
fn others(bits: &mut Bits, (table, steps): (&Huffman, &Steps)) -> Result<(), Stop> {
    let mut at = 1;
    while at < 64 {
        let mut step = steps.next(bits.peek());
        if step.after(at) < 64 {
            at = step.after(at);
            step = steps.next(bits.drop(step.bits.into()));
            if step.after(at) < 64 {
                at = step.after(at);
                bits.drop(step.bits.into());
                continue;
            }
        }
        if step.ends(at) {
            bits.drop(step.bits.into());
            break;
        }
        // The reader is passed on and back, so that it can stay in registers.
        let (back, next) = one(*bits, table, at);
        *bits = back;
        at = next?;
    }
    if bits.left() < 0 { Err(Stop::Short) } else { Ok(()) }
}

/// Reads one code of a block and its coefficient, and returns the place of the next one.
#[inline(never)]
fn one<'a>(mut bits: Bits<'a>, table: &Huffman, at: u32) -> (Bits<'a>, Result<u32, Stop>) {
    let next = table.symbol(&mut bits).and_then(|symbol| match (u32::from(symbol >> 4), u32::from(symbol & 15)) {
        (15, 0) => Ok(at + 16),
        (_, 0) => Ok(64),
        (zeros, _) if at + zeros > 63 => Err(Stop::Bad("a block has too many coefficients")),
        (zeros, size) => bits.take(size).map(|_| at + zeros + 1).ok_or(Stop::Short),
    });
    (bits, next)
}
