//! Explains where the time of a program goes: what each stage does, how long that must take at least, and how long it took.
//!
//! Each resource of the core gives a least time for a stage: its multiply-adds at the peak, its loads at the rate of loads, its
//! bytes from L2 at the bandwidth of L2. The largest of these *bounds* the stage. The counts come from the plan ([`count`]), and
//! the rates from [`CoreSpeed`], which is measured together with the program. If even the largest bound is far below the measured
//! time, the stage is `unexplained`: the model does not say what limits it.

mod cache;
mod counts;
mod html;
mod memory;
mod replay;

use sartor_codegen::ir::name::KernelName;
use sartor_codegen::ir::stage::StageError;
use sartor_codegen::lower::tile;
use serde::Serialize;

use crate::compile::Planned;
use crate::measure::bench::{CoreSpeed, Measurement, Report, share};
pub use cache::Traffic;
pub use counts::{Counts, count};
pub use html::page;

/// A stage is unexplained if its largest bound is a smaller share of its time than this.
const EXPLAINED: f64 = 0.6;

/// A resource, and the least time that a stage needs because of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bound {
    /// `FMA`, `operations`, `loads`, `stores`, `L2`, `L3`, `DRAM` or `latency`.
    pub resource: &'static str,
    /// Microseconds.
    pub us: f64,
}

/// A stage, measured and explained.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedStage {
    /// The names of its first and last layers.
    pub name: String,
    /// The 5th percentile of its times.
    pub quiet_us: f64,
    /// The median of its times.
    pub median_us: f64,
    /// Multiply-accumulates; those on padding do not count.
    pub macs: u64,
    /// `2 * macs / quiet_us`, divided by the peak.
    pub share_of_peak: f64,
    /// The resource with the largest bound, or `unexplained`.
    pub bound_by: &'static str,
    /// All bounds, the largest first.
    pub bounds: Vec<Bound>,
    /// The largest bound, divided by the time.
    pub explained: f64,
    /// Its operations and its traffic.
    pub counts: Counts,
    /// Its layers.
    pub layers: Vec<ExplainedLayer>,
}

/// A layer of a stage.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedLayer {
    /// Its name.
    pub name: String,
    /// Its problem, in one line.
    pub problem: String,
    /// Its kernel.
    pub kernel: String,
    /// Multiply-accumulates; those on padding do not count.
    pub macs: u64,
    /// The register tile, pixels by channels; empty for kernels without tiles.
    pub tile: String,
    /// The tiles that the cost model compared, the best first; empty if there is only one.
    pub tiles: Vec<TileEstimate>,
}

/// The cost model's estimate for a tile that could compute a layer.
#[derive(Clone, Debug, Serialize)]
pub struct TileEstimate {
    /// Pixels by channels.
    pub tile: String,
    /// Estimated cycles of the layer if all its panels are computed in such tiles.
    pub cycles: f64,
    /// Estimated cycles, divided by those of the best tile.
    pub ratio: f64,
    /// What limits a step of a full tile on this machine: `FMA`, `loads` or `latency`.
    pub limit: &'static str,
}

/// The explanation of a measured network.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The report on the whole network, as `bench` gives it.
    pub report: Report,
    /// The limits of the core.
    pub machine: CoreSpeed,
    /// The stages, in order.
    pub stages: Vec<ExplainedStage>,
}

/// Explains a measurement whose stages were timed.
///
/// # Errors
/// If a stage of the plan is malformed, which planning excludes.
///
/// # Panics
/// If the measurement is of another plan.
pub fn explain(planned: &Planned, measured: &Measurement, report: Report, machine: CoreSpeed) -> Result<Explanation, StageError> {
    // Shares in the report are shares of this peak.
    let machine = CoreSpeed { fma_gflops: measured.peak_gflops, ..machine };
    let counts = count(&planned.plan, &machine.caches)?;
    assert_eq!(counts.len(), measured.stages.len(), "the measurement is of another plan");
    let stages = planned.stages.iter().zip(counts).zip(&measured.stages).map(|((stage, counts), samples)| {
        let bounds = bounds(&counts, &machine);
        let quiet_us = samples.quiet() * 1e6;
        let explained = bounds[0].us / quiet_us.max(1e-3);
        let macs = stage.layers.iter().map(|layer| layer.macs).sum();
        ExplainedStage {
            name: stage.name.clone(),
            quiet_us,
            median_us: samples.median() * 1e6,
            macs,
            share_of_peak: share(macs, samples.quiet(), measured.peak_gflops),
            bound_by: if explained < EXPLAINED { "unexplained" } else { bounds[0].resource },
            bounds,
            explained,
            counts,
            layers: stage.layers.iter().map(|planned| layer(planned, &machine)).collect(),
        }
    });
    let stages = stages.collect();
    Ok(Explanation { report, machine, stages })
}

/// The least time that each resource gives for a stage, the longest first.
fn bounds(counts: &Counts, machine: &CoreSpeed) -> Vec<Bound> {
    let fmas = machine.fma_gflops / (2 * machine.lanes) as f64;
    let traffic = &counts.traffic;
    let ns = [
        ("FMA", counts.fmas as f64 / fmas),
        ("operations", (counts.fmas + counts.others) as f64 / machine.operations.max(fmas)),
        ("loads", counts.loads as f64 / machine.loads + counts.broadcasts as f64 / machine.broadcasts),
        ("stores", counts.stores as f64 / machine.stores),
        ("L2", traffic.l2 as f64 / machine.l2_gbs),
        ("L3", traffic.l3 as f64 / machine.l3_gbs),
        ("DRAM", traffic.dram as f64 / machine.dram_gbs),
        ("latency", counts.fma_chain as f64 * machine.fma_latency_ns + counts.other_chain as f64 * machine.add_latency_ns),
    ];
    let mut bounds = ns.map(|(resource, ns)| Bound { resource, us: ns / 1e3 }).to_vec();
    bounds.sort_by(|a, b| b.us.total_cmp(&a.us));
    bounds
}

fn layer(planned: &crate::PlannedLayer, machine: &CoreSpeed) -> ExplainedLayer {
    let name = planned.kernel.parse::<KernelName>().ok();
    let tile = name.as_ref().map(|name| joined(&name.tile)).unwrap_or_default();
    ExplainedLayer {
        name: planned.name.clone(),
        problem: planned.problem.clone(),
        kernel: planned.kernel.clone(),
        macs: planned.macs,
        tile,
        tiles: name.map(|name| tiles(&name, machine)).unwrap_or_default(),
    }
}

/// The tiles that a matrix product could be computed in. Its sizes are read from the kernel's name.
fn tiles(name: &KernelName, machine: &CoreSpeed) -> Vec<TileEstimate> {
    let field = |wanted: &str| name.fields.iter().find(|(field, _)| field == wanted).map(|&(_, value)| value);
    let (Some(m), Some(k), Some(n)) = (field("m").or(field("ow")), field("k"), field("n")) else { return Vec::new() };
    let estimates = tile::estimates(name.level, m, n / sartor_codegen::layout::PANEL, k);
    let best = estimates.first().map_or(1.0, |estimate| estimate.cycles);
    let tile = |estimate: tile::Estimate| TileEstimate {
        tile: joined(&[estimate.rows, estimate.panels * sartor_codegen::layout::PANEL]),
        cycles: estimate.cycles,
        ratio: estimate.cycles / best,
        limit: step_limit(&estimate, machine),
    };
    estimates.into_iter().map(tile).collect()
}

/// What takes longest in a step of a full tile: its multiply-adds, its loads, or the wait for the sums of the step before.
fn step_limit(tile: &tile::Estimate, machine: &CoreSpeed) -> &'static str {
    let vectors = (tile.panels * sartor_codegen::layout::PANEL / machine.lanes) as f64;
    let rows = tile.rows as f64;
    let fma = rows * vectors * (2 * machine.lanes) as f64 / machine.fma_gflops;
    let loads = vectors / machine.loads + rows / machine.broadcasts;
    let limits = [("FMA", fma), ("loads", loads), ("latency", machine.fma_latency_ns)];
    limits.into_iter().fold(("FMA", 0.0), |most, limit| if limit.1 > most.1 { limit } else { most }).0
}

fn joined(extents: &[usize]) -> String {
    extents.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::cpu_caches::{Cache, Caches};

    fn machine() -> CoreSpeed {
        let cache = |bytes| Cache { bytes, ways: 8 };
        CoreSpeed {
            caches: Caches { l1: cache(32 << 10), l2: cache(1 << 20), l3: cache(32 << 20), known: true },
            lanes: 16,
            fma_gflops: 64.0,
            tile_gflops: 60.0,
            operations: 4.0,
            loads: 2.0,
            broadcasts: 4.0,
            stores: 1.0,
            fma_latency_ns: 4.0,
            add_latency_ns: 3.0,
            l2_gbs: 100.0,
            l3_gbs: 20.0,
            dram_gbs: 10.0,
        }
    }

    #[test]
    fn the_largest_bound_comes_first() {
        let counts = Counts {
            fmas: 8000,
            others: 4000,
            loads: 2000,
            broadcasts: 4000,
            stores: 100,
            fma_chain: 100,
            other_chain: 10,
            traffic: Traffic { l2: 64_000, l3: 160_000, dram: 0 },
            ..Counts::default()
        };
        let bounds = bounds(&counts, &machine());
        let us = |resource: &str| bounds.iter().find(|bound| bound.resource == resource).unwrap().us;
        assert_eq!((bounds[0].resource, bounds[0].us), ("L3", 8.0));
        assert_eq!((us("FMA"), us("operations"), us("loads"), us("stores")), (4.0, 3.0, 2.0, 0.1));
        assert!((us("L2") - 0.64).abs() < 1e-9 && (us("latency") - 0.43).abs() < 1e-9 && us("DRAM") == 0.0);
    }

    #[test]
    fn the_tile_in_a_kernels_name_is_among_its_alternatives() {
        let name: KernelName = "pointwise_14x32_m196_k64_n384_relu6_avx512".parse().unwrap();
        let tiles = tiles(&name, &machine());
        assert!(tiles.len() > 1 && tiles[0].ratio == 1.0, "{tiles:?}");
        assert!(tiles.windows(2).all(|pair| pair[0].cycles <= pair[1].cycles));
        assert_eq!(tiles[0].tile, "14x32", "what the lowering chooses for this problem");
        assert!(tiles.iter().all(|tile| tile.limit == "FMA"), "{tiles:?}");
        let one: KernelName = "pointwise_1x64_m1_k1280_n1008_avx512".parse().unwrap();
        assert!(super::tiles(&one, &machine()).iter().any(|tile| tile.tile == "1x16" && tile.limit == "latency"));
        assert!(super::tiles(&"mean_m49_c960_avx2".parse().unwrap(), &machine()).is_empty());
    }
}
