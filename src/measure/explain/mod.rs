//! Where the time of a program goes: what each stage does, how long that must take at least, and what it took.
//!
//! For each resource of the core there is a time below which the stage cannot come: its multiply-adds at the peak, its loads at
//! the rate of loads, its bytes from L2 at the bandwidth of L2. The largest of these *bounds* the stage. What is counted comes from the
//! plan ([`count`]), the rates from [`Machine`], measured beside the program. Where even the largest bound is far below the time, the
//! stage is `unexplained`: the model does not say what limits it.

mod cache;
mod counts;
mod html;
mod memory;
mod replay;

use sartor_codegen::lower::tile;
use sartor_codegen::name::KernelName;
use sartor_codegen::stage::StageError;
use serde::Serialize;

use crate::compile::generate::Plan;
use crate::measure::bench::{Machine, Measurement, Report, share};
pub use cache::Traffic;
pub use counts::{Counts, count};
pub use html::page;

/// A stage that takes longer than its largest bound divided by this is unexplained.
const EXPLAINED: f64 = 0.6;

/// A resource and the time below which it does not allow a stage to come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bound {
    /// `FMA`, `operations`, `loads`, `stores`, `L2`, `L3`, `DRAM` or `latency`.
    pub resource: &'static str,
    /// Microseconds.
    pub us: f64,
}

/// A stage, measured and explained.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// The layers.
    pub name: String,
    /// Measured: 5th percentile.
    pub quiet_us: f64,
    /// Measured: median.
    pub median_us: f64,
    /// Multiply-accumulates, without padding.
    pub macs: u64,
    /// `2 * macs / quiet_us` over the peak.
    pub share_of_peak: f64,
    /// The resource of the largest bound, or `unexplained`.
    pub bound_by: &'static str,
    /// All bounds, the largest first.
    pub bounds: Vec<Bound>,
    /// The largest bound over the time.
    pub explained: f64,
    /// What the stage does.
    pub counts: Counts,
    /// Its layers.
    pub layers: Vec<Layer>,
}

/// A layer of a stage.
#[derive(Clone, Debug, Serialize)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Its problem in one line.
    pub problem: String,
    /// Its kernel.
    pub kernel: String,
    /// Multiply-accumulates, without padding.
    pub macs: u64,
    /// Register tile, pixels by channels; empty for kernels without one.
    pub tile: String,
    /// The tiles that the cost model compared, the best first; empty where the lowering knows one only.
    pub tiles: Vec<Tile>,
}

/// A tile that could compute a layer.
#[derive(Clone, Debug, Serialize)]
pub struct Tile {
    /// Pixels by channels.
    pub tile: String,
    /// Estimated cycles, all panels in such tiles.
    pub cycles: f64,
    /// Estimated cycles over those of the best.
    pub ratio: f64,
    /// What limits a step of a full tile at this machine's rates: `FMA`, `loads` or `latency`.
    pub limit: &'static str,
}

/// A network, measured and explained.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The whole network, as `bench` reports it.
    pub report: Report,
    /// What the core can do at most.
    pub machine: Machine,
    /// Stages in order.
    pub stages: Vec<Stage>,
}

/// Explains a measurement whose stages were timed.
///
/// # Errors
/// If a stage of the plan is ill-formed, which planning excludes.
///
/// # Panics
/// If the measurement is not of this plan.
pub fn explain(plan: &Plan, measured: &Measurement, report: Report, machine: Machine) -> Result<Explanation, StageError> {
    // The peak that the report's shares are of.
    let machine = Machine { fma_gflops: measured.peak_gflops, ..machine };
    let counts = count(&plan.program, &machine.caches)?;
    assert_eq!(counts.len(), measured.stages.len(), "the measurement is of another plan");
    let stages = plan.stages.iter().zip(counts).zip(&measured.stages).map(|((planned, counts), samples)| {
        let bounds = bounds(&counts, &machine);
        let quiet_us = samples.quiet() * 1e6;
        let explained = bounds[0].us / quiet_us.max(1e-3);
        let macs = planned.layers.iter().map(|layer| layer.macs).sum();
        Stage {
            name: planned.name.clone(),
            quiet_us,
            median_us: samples.median() * 1e6,
            macs,
            share_of_peak: share(macs, samples.quiet(), measured.peak_gflops),
            bound_by: if explained < EXPLAINED { "unexplained" } else { bounds[0].resource },
            bounds,
            explained,
            counts,
            layers: planned.layers.iter().map(|planned| layer(planned, &machine)).collect(),
        }
    });
    let stages = stages.collect();
    Ok(Explanation { report, machine, stages })
}

/// The time that each resource takes for what a stage does, the longest first.
fn bounds(counts: &Counts, machine: &Machine) -> Vec<Bound> {
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

fn layer(planned: &crate::PlannedLayer, machine: &Machine) -> Layer {
    let name = planned.kernel.parse::<KernelName>().ok();
    let tile = name.as_ref().map(|name| joined(&name.tile)).unwrap_or_default();
    Layer {
        name: planned.name.clone(),
        problem: planned.problem.clone(),
        kernel: planned.kernel.clone(),
        macs: planned.macs,
        tile,
        tiles: name.map(|name| tiles(&name, machine)).unwrap_or_default(),
    }
}

/// The tiles that a matrix product could be cut into, from its kernel's name.
fn tiles(name: &KernelName, machine: &Machine) -> Vec<Tile> {
    let field = |wanted: &str| name.fields.iter().find(|(field, _)| field == wanted).map(|&(_, value)| value);
    let (Some(m), Some(k), Some(n)) = (field("m").or(field("ow")), field("k"), field("n")) else { return Vec::new() };
    let estimates = tile::estimates(name.level, m, n / sartor_codegen::layout::PANEL, k);
    let best = estimates.first().map_or(1.0, |estimate| estimate.cycles);
    let tile = |estimate: tile::Estimate| Tile {
        tile: joined(&[estimate.rows, estimate.panels * sartor_codegen::layout::PANEL]),
        cycles: estimate.cycles,
        ratio: estimate.cycles / best,
        limit: step_limit(&estimate, machine),
    };
    estimates.into_iter().map(tile).collect()
}

/// What takes longest in one step of a full tile: its multiply-adds, its loads, or the wait for the sums of the step before.
fn step_limit(tile: &tile::Estimate, machine: &Machine) -> &'static str {
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

    fn machine() -> Machine {
        let cache = |bytes| Cache { bytes, ways: 8 };
        Machine {
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
