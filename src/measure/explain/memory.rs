//! The addresses of a program's regions in the model of memory: one region after another, each on pages of its own.

use std::ops::Range;

use sartor_codegen::ir::stage::Region;
use sartor_codegen::plan::Plan;

use super::cache::LINE;

/// The index of a region in a list of all four.
pub const fn index(region: Region) -> usize {
    match region {
        Region::Input => 0,
        Region::Arena => 1,
        Region::Scratch => 2,
        Region::Weights => 3,
    }
}

/// The byte addresses at which the regions and the output begin.
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

    /// The byte address of a region's element.
    pub fn address(&self, region: Region, offset: usize) -> usize {
        self.regions[index(region)] + 4 * offset
    }

    /// The cache lines of a part of a region.
    pub fn lines(&self, region: Region, offset: usize, len: usize) -> Range<u64> {
        lines(self.address(region, offset), len)
    }

    /// The cache lines of a part of the output.
    pub fn output_lines(&self, offset: usize, len: usize) -> Range<u64> {
        lines(self.output + 4 * offset, len)
    }
}

fn lines(begin: usize, len: usize) -> Range<u64> {
    (begin / LINE) as u64..(begin + 4 * len).div_ceil(LINE) as u64
}
