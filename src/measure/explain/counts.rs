//! Counts what each stage of a plan does. Operations are counted in the kernels. Traffic is counted by replaying every access of
//! every call on a model of the machine's caches.

use sartor_codegen::ir::stage::{Call, Region, StageError};
use sartor_codegen::plan::Plan;

use super::cache::{Hierarchy, LINE, Traffic};
use super::memory::{Bases, index};
use super::replay::Replay;
use crate::tuning::cpu_caches::Caches;

/// The operations and the traffic of one run of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Counts {
    /// Vector multiply-adds.
    pub fmas: u64,
    /// All other vector arithmetic.
    pub others: u64,
    /// Vector loads.
    pub loads: u64,
    /// Loads of one f32 into all lanes.
    pub broadcasts: u64,
    /// Vector stores.
    pub stores: u64,
    /// Multiply-adds that wait for the one before: the loop-carried chains of all innermost loops.
    pub fma_chain: u64,
    /// The same for other arithmetic.
    pub other_chain: u64,
    /// Bytes of packed weights that it reads; each counts once.
    pub weight_bytes: u64,
    /// Bytes of earlier stages' maps that it reads; each counts once.
    pub read_bytes: u64,
    /// Bytes of maps that it writes for later stages; each counts once.
    pub written_bytes: u64,
    /// Bytes of its rings; each counts once.
    pub ring_bytes: u64,
    /// Bytes that move between the caches in a run after another run.
    pub traffic: Traffic,
}

/// The counts of every stage of a plan, including the last one, which copies the results.
///
/// # Errors
/// If a stage is malformed, which planning excludes.
pub fn count(plan: &Plan, caches: &Caches) -> Result<Vec<Counts>, StageError> {
    let kernels: Vec<Replay> = plan.kernels.iter().map(Replay::new).collect();
    let calls = plan.stages.iter().map(|stage| stage.code.calls(0, stage.code.units)).collect::<Result<Vec<_>, _>>()?;
    let bases = Bases::new(plan);
    let mut hierarchy = Hierarchy::new(caches);
    let mut replay = |stage: &[Call], counts: &mut Counts| {
        let before = hierarchy.traffic;
        for call in stage {
            kernels[call.kernel.0].run(&call.args, &bases, &mut hierarchy);
        }
        counts.traffic = since(hierarchy.traffic, before);
    };
    let mut all: Vec<Counts> = calls.iter().map(|calls| of_calls(plan, &kernels, calls)).collect();
    // The first run fills the caches, and the second one counts.
    for _ in 0..2 {
        for (calls, counts) in calls.iter().zip(&mut all) {
            replay(calls, counts);
        }
    }
    let before = hierarchy.traffic;
    let mut last = Counts::default();
    for unpack in &plan.unpack {
        let len = unpack.len * plan.batch;
        last.read_bytes += 4 * len as u64;
        last.written_bytes += 4 * len as u64;
        for piece in &unpack.pieces {
            let lines = bases.lines(Region::Arena, piece.src, piece.image * plan.batch);
            lines.for_each(|line| hierarchy.access(line, false));
        }
        bases.output_lines(unpack.dst, len).for_each(|line| hierarchy.access(line, true));
    }
    last.traffic = since(hierarchy.traffic, before);
    all.push(last);
    Ok(all)
}

fn since(now: Traffic, before: Traffic) -> Traffic {
    Traffic { l2: now.l2 - before.l2, l3: now.l3 - before.l3, dram: now.dram - before.dram }
}

fn of_calls(plan: &Plan, kernels: &[Replay], calls: &[Call]) -> Counts {
    let mut counts = Counts::default();
    // The lines of each region that are read or written. Each line counts once.
    let mut seen = [plan.lengths.input, plan.lengths.arena, plan.lengths.scratch, plan.lengths.weights]
        .map(|len| vec![(false, false); (4 * len).div_ceil(LINE)]);
    for call in calls {
        let kernel = &kernels[call.kernel.0];
        counts.fmas += kernel.cost.fmas;
        counts.others += kernel.cost.others;
        counts.loads += kernel.cost.loads - kernel.broadcasts;
        counts.broadcasts += kernel.broadcasts;
        counts.stores += kernel.cost.stores;
        counts.fma_chain += kernel.chain.0;
        counts.other_chain += kernel.chain.1;
        for ((region, offset), span) in call.args.iter().zip(&kernel.spans) {
            let seen = &mut seen[index(*region)];
            for (span, write) in [(span.0, false), (span.1, true)] {
                let Some((first, last)) = span else { continue };
                for line in &mut seen[4 * (offset + first) / LINE..=4 * (offset + last) / LINE] {
                    *line = (line.0 || (!write && !line.1), line.1 || write);
                }
            }
        }
    }
    let bytes = |region: Region, of: fn(&(bool, bool)) -> bool| {
        (seen[index(region)].iter().filter(|line| of(line)).count() * LINE) as u64
    };
    counts.weight_bytes = bytes(Region::Weights, |line| line.0);
    counts.read_bytes = bytes(Region::Arena, |line| line.0) + bytes(Region::Input, |line| line.0);
    counts.written_bytes = bytes(Region::Arena, |line| line.1);
    counts.ring_bytes = bytes(Region::Scratch, |line| line.0 || line.1);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::Tunings;
    use crate::{Level, Weights};
    use sartor_models::zoo::Spec;

    fn counts(network: &str, level: Level) -> (crate::Planned, Vec<Counts>) {
        let network = network.parse::<Spec>().unwrap().build().unwrap();
        let planned = crate::plan(&network, &Weights::random(&network, 0), level, &Tunings::none()).unwrap();
        let counts = count(&planned.plan, &Caches::here()).unwrap();
        (planned, counts)
    }

    #[test]
    fn every_level_does_the_networks_multiply_adds_and_reads_its_weights() {
        for level in Level::ALL {
            let (planned, counts) = counts("rexnet_digits", level);
            assert_eq!(counts.len(), planned.stages.len());
            let lanes = sartor_codegen::ir::isa::of(level).lanes as u64;
            for (stage, counts) in planned.stages.iter().zip(&counts) {
                let macs: u64 = stage.layers.iter().map(|layer| layer.macs).sum();
                // Padded lanes add work. Taps on a map's padding are not computed: of a 3x3 window on one pixel eight of nine.
                let dense = stage.layers.iter().all(|layer| layer.problem.contains("kh1ph0"));
                let least = if dense { macs } else { macs / 9 };
                assert!(counts.fmas * lanes >= least, "{level} {}: {counts:?} for {macs} MACs", stage.name);
            }
            let weights: u64 = counts.iter().map(|counts| counts.weight_bytes).sum();
            let packed = 4 * planned.plan.lengths.weights as u64;
            assert!(weights <= packed + 64 * counts.len() as u64 && weights * 10 > packed * 9, "{level}: {weights} of {packed}");
        }
    }

    #[test]
    fn chains_are_found_where_a_loop_waits_for_itself() {
        let (planned, counts) = counts("rexnet_digits", Level::Avx2);
        for (stage, counts) in planned.stages.iter().zip(&counts) {
            assert!(counts.fma_chain <= counts.fmas, "{}", stage.name);
        }
        // The classifier has one pixel: its chain is as long as its sums.
        let classifier = planned.stages.iter().position(|stage| stage.layers.iter().any(|layer| layer.problem.contains("oc10_")));
        assert!(counts[classifier.unwrap()].fma_chain >= 16);
    }
}
