//! `sartor show`

mod file_nodes;

use std::collections::HashMap;

use clap::Args;
use sartor::codegen::ir::name::KernelName;
use sartor::models::NodeId;
use sartor::{Level, Network};
use serde::Serialize;
use serde_json::json;

use crate::cli::args::source::{Source, Sourced};
use crate::cli::args::tuning::TuningArgs;
use crate::cli::failure::Failure;
use crate::cli::print::{print, print_json};
use crate::cli::progress;
use crate::cli::table::{grouped, table};

/// Show a network's layers, the kernels chosen for them, and the memory that they need
///
/// Of an ONNX file it also shows what each node became: a constant; a part of another node; a view of what another node computes; or a
/// node of the network, with the layer that computes it, the lanes of that layer's map, and the kernel.
#[derive(Args)]
#[command(after_help = "Example: sartor show mobilenet_v2_x1.0 --level avx2")]
pub struct Show {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    tuning: TuningArgs,
    /// The level to plan for; this CPU need not have it [default: the best that this CPU has]
    #[arg(long)]
    level: Option<Level>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A layer, as it is shown.
#[derive(Serialize)]
struct Row {
    stage: usize,
    name: String,
    shape: String,
    parameters: u64,
    macs: u64,
    problem: String,
    kernel: String,
    tile: String,
}

impl Show {
    pub fn run(self) -> Result<(), Failure> {
        let Sourced { network, weights, trace, .. } = self.source.load_or_draw()?;
        let level = self.level.map_or_else(|| crate::cli::args::level::choose(None), Ok)?;
        let tunings = self.tuning.load()?;
        let title = format!("planning {}", network.name);
        let plan = progress::spin(title, || sartor::plan(&network, &weights, level, &tunings))?;
        let parameters =
            parameters(&network, plan.stages.iter().flat_map(|stage| &stage.layers).map(|layer| layer.name.as_str()));
        let shapes: HashMap<&str, String> =
            network.nodes().iter().map(|node| (node.name.as_str(), node.shape.to_string())).collect();
        let mut rows = Vec::new();
        for (stage, planned) in plan.stages.iter().enumerate() {
            for layer in &planned.layers {
                let name = layer.name.as_str();
                rows.push(Row {
                    stage,
                    name: layer.name.clone(),
                    shape: shapes.get(name).cloned().unwrap_or_default(),
                    parameters: parameters.get(name).copied().unwrap_or_default(),
                    macs: layer.macs,
                    problem: layer.problem.clone(),
                    kernel: layer.kernel.clone(),
                    tile: tile(&layer.kernel),
                });
            }
        }
        let file = trace.map(|trace| file_nodes::rows(&trace, &network, &plan));
        let (arena, scratch) = (plan.arena_len as u64 * 4, plan.scratch_len as u64 * 4);
        if self.json {
            return print_json(&json!({
                "network": network.name, "input": network.input_shape().to_string(), "level": level.name(),
                "parameters": network.param_count(), "macs": plan.macs(),
                "arena_bytes": arena, "scratch_bytes": scratch, "layers": rows, "file": file,
            }));
        }
        let head = format!("{}  input {}  level {level}\n", network.name, network.input_shape());
        let body = table(
            ["stage>", "layer", "shape", "parameters>", "MACs>", "tile", "kernel"],
            rows.into_iter().map(|row| {
                let counts = (grouped(row.parameters), grouped(row.macs));
                [row.stage.to_string(), row.name, row.shape, counts.0, counts.1, row.tile, row.kernel]
            }),
        );
        let foot = format!(
            "{} parameters, {} MACs, arena {} bytes, scratch {} bytes a thread",
            grouped(network.param_count() as u64),
            grouped(plan.macs()),
            grouped(arena),
            grouped(scratch)
        );
        let file = file.map_or_else(String::new, |rows| format!("\n\n{}", file_nodes::text(rows)));
        print(&format!("{head}\n{body}\n\n{foot}{file}"))
    }
}

/// The tile in a kernel's name.
fn tile(kernel: &str) -> String {
    let tile = kernel.parse::<KernelName>().map(|name| name.tile).unwrap_or_default();
    tile.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

/// The learned parameters of each layer: those of the node that it is named after, and of the nodes that are fused into it.
fn parameters<'a>(network: &Network, layers: impl Iterator<Item = &'a str>) -> HashMap<&'a str, u64> {
    let layers: HashMap<&str, &'a str> = layers.map(|name| (name, name)).collect();
    let mut owners: Vec<Option<&'a str>> = Vec::new();
    let mut counts = HashMap::new();
    for (id, node) in network.nodes().iter().enumerate() {
        let before = node.inputs.first().and_then(|input| owners[input.0]);
        let owner = layers.get(node.name.as_str()).copied().or(before);
        owners.push(owner);
        let learned = network.params_of(NodeId(id)).into_iter().filter(|param| !param.name.contains(".running_"));
        let count: u64 = learned.map(|param| param.shape.iter().product::<usize>() as u64).sum();
        if let Some(owner) = owner {
            *counts.entry(owner).or_insert(0) += count;
        }
    }
    counts
}
