//! What became of each node of an ONNX file.

use sartor::Network;
use sartor::compile::Planned;
use sartor::compile::in_plan::{InPlan, in_plan, lanes};
use sartor::models::NodeId;
use sartor::models::import::{Fate, FileNode, Trace};
use serde::Serialize;

use crate::cli::table::table;

/// A node of the file, as it is shown.
#[derive(Serialize)]
pub struct FileRow {
    name: String,
    operator: String,
    /// `folded`, `fused`, `view`, `node` or `unused`.
    became: &'static str,
    /// The network's node that it became, is seen in, or is fused into.
    node: Option<String>,
    /// The layer that computes this node.
    layer: Option<String>,
    /// The lanes of the layer's map that hold the node's channels.
    lanes: Option<String>,
    kernel: Option<String>,
    /// What the compiled program does for the node, if it has no layer.
    instead: Option<&'static str>,
}

/// The rows of all nodes, in the file's order.
pub fn rows(trace: &Trace, network: &Network, planned: &Planned) -> Vec<FileRow> {
    let places = in_plan(network, &planned.plan);
    trace.nodes.iter().map(|node| row(node, network, planned, &places)).collect()
}

fn row(file: &FileNode, network: &Network, planned: &Planned, places: &[InPlan]) -> FileRow {
    // The first output that is not unused says most.
    let fates = || file.outputs.iter().map(|(_, fate)| fate);
    let fate = fates().find(|fate| !matches!(fate, Fate::Unused)).unwrap_or(&Fate::Unused);
    let (became, node): (_, Option<NodeId>) = match fate {
        Fate::Constant => ("folded", None),
        Fate::Fused(into) => ("fused", Some(*into)),
        Fate::Map(node, _) if file.is_view() => ("view", Some(*node)),
        Fate::Map(node, _) => ("node", Some(*node)),
        Fate::Unused => ("unused", None),
    };
    let place = node.map(|node| &places[node.0]);
    let layer = match place {
        Some(InPlan::Layer { layer, whole }) => Some((*layer, *whole)),
        _ => None,
    };
    let layers = &planned.plan.layers;
    FileRow {
        name: file.name.clone(),
        operator: file.operator.clone(),
        became,
        node: node.map(|node| network.node(node).name.clone()),
        layer: layer.map(|(layer, _)| layers[layer].name.clone()),
        lanes: layer.filter(|(_, whole)| *whole).and_then(|(layer, _)| Some(lanes(&layers[layer].value.as_ref()?.lanes))),
        kernel: layer.and_then(|(layer, _)| {
            planned.plan.kernels_of[layer].first().map(|&kernel| planned.plan.kernels[kernel].name.clone())
        }),
        instead: match place {
            Some(InPlan::Input) => Some("the input"),
            Some(InPlan::Lanes) => Some("lanes of other layers"),
            Some(InPlan::Output) => Some("the copying to the output"),
            Some(InPlan::Nothing) => Some("nothing"),
            Some(InPlan::Layer { .. }) | None => None,
        },
    }
}

/// The rows as a table.
pub fn text(rows: Vec<FileRow>) -> String {
    let cells = |row: FileRow| {
        let became = match (row.became, row.node) {
            ("folded", _) => "folded to a constant".into(),
            ("fused", Some(node)) => format!("fused into {node}"),
            ("view", Some(node)) => format!("view of {node}"),
            ("node", Some(node)) if node == row.name => "node".into(),
            ("node", Some(node)) => format!("node {node}"),
            _ => "unused".into(),
        };
        let layer = row.layer.or(row.instead.map(str::to_owned)).unwrap_or_default();
        [row.name, row.operator, became, layer, row.lanes.unwrap_or_default(), row.kernel.unwrap_or_default()]
    };
    table(["node of the file", "operator", "became", "layer", "lanes", "kernel"], rows.into_iter().map(cells))
}
