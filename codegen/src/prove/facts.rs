//! What is known of a plan while it is being proven.

use std::ops::Range;

use typed_index_collections::TiVec;

use super::footprint::Touched;
use super::live::Live;
use super::units::Unit;
use crate::ir::kernel::KernelId;
use crate::ir::stage::{Call, Region};
use crate::plan::Plan;

/// What is known of a kernel once it has been proven by itself.
pub struct KernelFacts {
    pub accesses: usize,
    pub vectors: Vec<bool>,
    pub touched: Vec<Touched>,
    pub largest_offset: usize,
}

/// What is known of a plan whose calls are being proven.
pub struct Facts<'a> {
    pub plan: &'a Plan,
    pub weights: &'a [f32],
    pub kernels: TiVec<KernelId, KernelFacts>,
    pub units: Vec<Vec<Unit>>,
    pub lives: Vec<Live>,
}

impl Facts<'_> {
    /// What a call reads in a region before it writes there: buffers and ranges.
    pub fn reads(&self, call: &Call, region: Region) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.ranges(call, region, |touched| &touched.reads)
    }

    /// What a call writes in a region: buffers and ranges.
    pub fn writes(&self, call: &Call, region: Region) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.ranges(call, region, |touched| &touched.writes)
    }

    fn ranges(
        &self,
        call: &Call,
        region: Region,
        of: fn(&Touched) -> &Vec<Range<usize>>,
    ) -> impl Iterator<Item = (usize, Range<usize>)> {
        let buffers = self.kernels[call.kernel].touched.iter().zip(&call.args).enumerate();
        buffers.filter(move |(_, (_, arg))| arg.0 == region).flat_map(move |(buffer, (touched, arg))| {
            of(touched).iter().map(move |range| (buffer, range.start + arg.1..range.end + arg.1))
        })
    }
}
