//! Where the regions of a program lie in memory: one after another, on pages of their own.

use std::ops::Range;

use sartor_codegen::plan::Plan;
use sartor_codegen::stage::Region;

use super::cache::LINE;

/// A region's place in a list of all four.
pub const fn index(region: Region) -> usize {
    match region {
        Region::Input => 0,
        Region::Arena => 1,
        Region::Scratch => 2,
        Region::Weights => 3,
    }
}

/// Byte addresses at which the regions and the output begin.
pub struct Bases {
    regions: [usize; 4],
    output: usize,
}

impl Bases {
    pub fn new(plan: &Plan) -> Self {
        const PAGE: usize = 4096;
        let lengths = &plan.lengths;
        let mut next = 0;
        let regions = [lengths.input, lengths.arena, lengths.scratch, lengths.weights].map(|len| {
            let base = next;
            next += (4 * len).next_multiple_of(PAGE) + PAGE;
            base
        });
        Self { regions, output: next }
    }

    /// Byte address of a region's element.
    pub fn address(&self, region: Region, offset: usize) -> usize {
        self.regions[index(region)] + 4 * offset
    }

    /// The lines of a part of a region.
    pub fn lines(&self, region: Region, offset: usize, len: usize) -> Range<u64> {
        lines(self.address(region, offset), len)
    }

    /// The lines of a part of the output.
    pub fn output_lines(&self, offset: usize, len: usize) -> Range<u64> {
        lines(self.output + 4 * offset, len)
    }
}

fn lines(begin: usize, len: usize) -> Range<u64> {
    (begin / LINE) as u64..(begin + 4 * len).div_ceil(LINE) as u64
}
