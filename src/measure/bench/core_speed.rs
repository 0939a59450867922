//! Measures the limits of one core: arithmetic, loads and stores, and bytes from each cache, per unit of time.
//!
//! Each figure is the best of many short loops, or nearly the best, so that no program can exceed it. All loops together take a fraction of a
//! second.

use std::hint::black_box;
use std::time::Instant;

use sartor_kernels::runtime::{Aligned, Level};
use serde::Serialize;

use super::probe::Probe;
use super::statistics::Samples;
use super::stream::Stream;
use crate::tuning::cpu_caches::Caches;

/// How often a loop in registers or in a cache is repeated.
const REPEATS: usize = 200;

/// How many passes over a buffer in L1 are timed together: reading the clock takes as long as hundreds of loads.
const PASSES: usize = 100;

/// How often a loop over memory is repeated. This is few because the buffer is large.
const MEMORY_REPEATS: usize = 4;

/// How many bytes are timed together.
const PIECE: usize = 256 << 10;

/// The largest buffer for measuring memory, in bytes.
const MOST_MEMORY: usize = 256 << 20;

/// The limits of one core at one level. Rates are per nanosecond.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CoreSpeed {
    /// Caches.
    pub caches: Caches,
    /// f32 lanes of a vector.
    pub lanes: usize,
    /// Floating-point operations in independent fused multiply-adds.
    pub fma_gflops: f64,
    /// Floating-point operations of a register tile whose operands are in L1.
    pub tile_gflops: f64,
    /// Vector operations of an even mix of multiply-adds and additions.
    pub operations: f64,
    /// Vector loads from L1.
    pub loads: f64,
    /// Loads of one f32 into all lanes, from L1.
    pub broadcasts: f64,
    /// Vector stores to L1.
    pub stores: f64,
    /// The latency of a multiply-add, in nanoseconds.
    pub fma_latency_ns: f64,
    /// The latency of an addition, in nanoseconds.
    pub add_latency_ns: f64,
    /// Bytes from L2.
    pub l2_gbs: f64,
    /// Bytes from L3.
    pub l3_gbs: f64,
    /// Bytes from memory.
    pub dram_gbs: f64,
}

impl CoreSpeed {
    /// Measures a core of this machine; `None` if the CPU lacks the level.
    pub fn measure(level: Level) -> Option<Self> {
        let (probe, stream) = (Probe::new(level)?, Stream::new(level)?);
        let caches = Caches::here();
        let lanes = sartor_codegen::ir::isa::of(level).lanes;
        let best = |run: &dyn Fn() -> f64| (0..REPEATS).map(|_| run()).fold(0.0, f64::max);
        // The buffer begins on a cache line. It is small enough to stay in L1 beside the data of another program on the same core.
        let in_l1 = Aligned::zeroed(caches.l1.bytes / 8 / 4);
        let mut written = Aligned::zeroed(in_l1.len());
        let passes = |pass: &dyn Fn() -> usize| best(&|| rate(|| (0..PASSES).map(|_| pass()).sum()));
        let (loads, broadcasts) = (passes(&|| stream.load(&in_l1)), passes(&|| stream.broadcast(&in_l1)));
        let mut store = || rate(|| (0..PASSES).map(|_| stream.store(&mut written)).sum());
        let stores = (0..REPEATS).map(|_| store()).fold(0.0, f64::max);
        black_box(&written);
        Some(Self {
            lanes,
            fma_gflops: best(&|| probe.fma()),
            tile_gflops: best(&|| probe.tile()),
            operations: best(&|| probe.operations()),
            loads,
            broadcasts,
            stores,
            fma_latency_ns: 1.0 / best(&|| probe.fma_chain()),
            add_latency_ns: 1.0 / best(&|| probe.add_chain()),
            l2_gbs: bandwidth(stream, caches.l2.bytes / 2, REPEATS),
            l3_gbs: bandwidth(stream, (4 * caches.l2.bytes).min(caches.l3.bytes / 2), REPEATS / 10),
            dram_gbs: bandwidth(stream, (2 * caches.l3.bytes).min(MOST_MEMORY), MEMORY_REPEATS),
            caches,
        })
    }
}

/// Bytes per nanosecond of reading a buffer again and again. Short pieces are timed, and the 99th percentile is taken, so that a
/// disturbance affects a few pieces only. Between two reads of a piece, the whole rest of the buffer is read.
fn bandwidth(stream: Stream, bytes: usize, repeats: usize) -> f64 {
    let buffer = vec![0.5f32; bytes / 4];
    let pieces = || buffer.chunks(PIECE / 4).map(|piece| rate(|| stream.load(piece)));
    pieces().for_each(drop);
    let rates: Vec<f64> = (0..repeats).flat_map(|_| pieces()).collect();
    Samples::new(rates).percentile(99.0) * (4 * sartor_codegen::ir::isa::of(stream.level()).lanes) as f64
}

/// How many of what `run` counts are done per nanosecond.
fn rate(run: impl FnOnce() -> usize) -> f64 {
    let start = Instant::now();
    let count = run();
    count as f64 / start.elapsed().as_nanos().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_level_has_limits_that_are_numbers() {
        for level in Level::ALL {
            if !sartor_kernels::report::can_run(level, "what the machine can do") {
                assert!(CoreSpeed::measure(level).is_none(), "{level}");
                continue;
            }
            let machine = CoreSpeed::measure(level).expect("a level that this CPU has");
            let rates = [machine.fma_gflops, machine.tile_gflops, machine.operations, machine.loads, machine.broadcasts];
            let others = [machine.stores, machine.fma_latency_ns, machine.add_latency_ns];
            let bandwidths = [machine.l2_gbs, machine.l3_gbs, machine.dram_gbs];
            for value in rates.into_iter().chain(others).chain(bandwidths) {
                assert!(value.is_finite() && value > 0.0, "{level}: {machine:?}");
            }
        }
    }
}
