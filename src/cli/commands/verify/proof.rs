//! `sartor verify --proof`

use sartor::judge::verify::proof::{KernelProven, Proven, StageProven, prove};
use sartor::{Level, Network, Weights};
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::print::{print, print_json};
use crate::cli::progress;
use crate::cli::table::{grouped, table};

/// Proves a network's programs, and prints what was proven of each kernel and each stage.
pub fn run(network: &Network, weights: &Weights, levels: &[Level], as_json: bool) -> Result<(), Failure> {
    let mut all = Vec::new();
    for &level in levels {
        let proven = progress::spin(format!("proving {} at {level}", network.name), || prove(network, weights, level))?;
        all.push((level, proven));
    }
    if as_json {
        let levels: Vec<_> = all.iter().map(|(level, proven)| level_json(*level, proven)).collect();
        return print_json(&json!({"network": network.name, "levels": levels}));
    }
    for (level, proven) in &all {
        print(&format!("{}, level {level}\n\n{}", network.name, text(proven)))?;
    }
    Ok(())
}

fn text(proven: &Proven) -> String {
    let count = |n: usize| grouped(n as u64);
    let kernels = proven.kernels.iter().map(|kernel| {
        let KernelProven { name, accesses, reads, writes, aligned, calls } = kernel;
        [name.clone(), count(*accesses), count(*reads), count(*writes), count(*aligned), count(*calls)]
    });
    let titles = [
        "kernel",
        "accesses in bounds>",
        "f32 read, written before>",
        "f32 written, disjoint>",
        "buffers aligned>",
        "calls in bounds>",
    ];
    let kernels = table(titles, kernels);
    let stages = proven.stages.iter().map(|stage| {
        let StageProven { name, units, continued, calls } = stage;
        [name.clone(), count(*units), count(*continued), count(*calls)]
    });
    let stages = table(["stage", "units, any split>", "same after another>", "calls>"], stages);
    let summary = format!(
        "{} maps, {} pairs of which share memory at different times; {} pad lanes zero; byte offsets up to {}",
        count(proven.maps),
        count(proven.sharing),
        count(proven.pad_lanes),
        count(proven.largest_offset)
    );
    format!("{kernels}\n\n{stages}\n\n{summary}\n")
}

fn level_json(level: Level, proven: &Proven) -> serde_json::Value {
    let kernel = |kernel: &KernelProven| {
        json!({
            "name": kernel.name, "accesses": kernel.accesses, "reads": kernel.reads, "writes": kernel.writes,
            "aligned": kernel.aligned, "calls": kernel.calls,
        })
    };
    let stage = |stage: &StageProven| json!({"name": stage.name, "units": stage.units, "continued": stage.continued, "calls": stage.calls});
    json!({
        "level": level.name(), "maps": proven.maps, "sharing": proven.sharing, "pad_lanes": proven.pad_lanes,
        "largest_offset": proven.largest_offset, "kernels": proven.kernels.iter().map(kernel).collect::<Vec<_>>(),
        "stages": proven.stages.iter().map(stage).collect::<Vec<_>>(),
    })
}
