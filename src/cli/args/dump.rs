//! Tensors inside a network, written to files.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use sartor::data::npy;
use sartor::models::NodeId;
use sartor::models::escape;
use sartor::models::import::{Fate, Port, Trace, near};
use sartor::{Network, Weights};

use crate::cli::args::engine::Engine;
use crate::cli::args::tensor;
use crate::cli::failure::Failure;

/// The arguments that name tensors to write.
#[derive(Args)]
pub struct DumpArgs {
    /// Write a tensor inside the network, as the engine computes it: a tensor of the ONNX file by its name there, in its order of
    /// dimensions, or a node of a network of the zoo, in NCHW. Give several by repeating the option
    #[arg(long = "dump", value_name = "NAME=F.npy")]
    wanted: Vec<Wanted>,
}

/// A tensor's name, and where it goes.
#[derive(Clone, Debug)]
struct Wanted {
    name: String,
    path: PathBuf,
}

impl FromStr for Wanted {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.rsplit_once('=').filter(|(name, path)| !name.is_empty() && !path.is_empty());
        let (name, path) = parts.ok_or("write NAME=F.npy, the tensor's name and the file")?;
        Ok(Self { name: name.into(), path: path.into() })
    }
}

/// Tensors that the network has.
pub struct Dumps(Vec<Dump>);

struct Dump {
    name: String,
    path: PathBuf,
    node: NodeId,
    /// How the tensor lies in the node's map; `None` for the map itself.
    port: Option<Port>,
}

impl DumpArgs {
    /// Finds the tensors.
    pub fn find(&self, network: &Network, trace: Option<&Trace>) -> Result<Dumps, Failure> {
        let find = |wanted: &Wanted| {
            let (node, port) = match trace {
                Some(trace) => in_file(&wanted.name, network, trace)?,
                None => (in_network(&wanted.name, network)?, None),
            };
            Ok(Dump { name: wanted.name.clone(), path: wanted.path.clone(), node, port })
        };
        self.wanted.iter().map(find).collect::<Result<_, Failure>>().map(Dumps)
    }
}

fn in_file(name: &str, network: &Network, trace: &Trace) -> Result<(NodeId, Option<Port>), Failure> {
    let shown = escape::line(name);
    match trace.fate(name) {
        Some(Fate::Map(node, port)) => Ok((*node, Some(port.clone()))),
        Some(Fate::Constant) => {
            Err(Failure::new(format!("tensor '{shown}' was folded: it is a weight, or follows from weights and shapes")))
        }
        Some(Fate::Fused(into)) => {
            let into = escape::line(&network.node(*into).name);
            let failure = Failure::new(format!("tensor '{shown}' vanished: node '{into}' computes what it led to in one step"));
            Err(failure.help("dump the tensor that this node gives; `sartor show` lists what each node of the file became"))
        }
        Some(Fate::Unused) => Err(Failure::new(format!("tensor '{shown}' is not computed: no output depends on it"))),
        None => Err(unknown("the file has no tensor", &shown.to_string(), &trace.near(name))),
    }
}

fn in_network(name: &str, network: &Network) -> Result<NodeId, Failure> {
    let found = network.ids().find(|&id| network.node(id).name == name);
    found.ok_or_else(|| {
        let names = near(name, network.nodes().iter().map(|node| node.name.as_str()));
        unknown("the network has no node", &escape::line(name).to_string(), &names)
    })
}

fn unknown(what: &str, name: &str, near: &[&str]) -> Failure {
    let near: Vec<String> = near.iter().map(|name| format!("'{}'", escape::line(name))).collect();
    Failure::new(format!("{what} '{name}'")).help(format!("there are {}; `sartor show` lists all", near.join(", ")))
}

impl Dumps {
    /// Runs the network on an input once more, and writes the tensors.
    pub fn write(
        &self,
        engine: &mut Engine<'_>,
        network: &Network,
        weights: &Weights,
        (input, batch): (&[f32], usize),
    ) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        let wanted: BTreeSet<NodeId> = self.0.iter().map(|dump| dump.node).collect();
        let values = engine.values(network, weights, (input, batch), &wanted)?;
        if let Some(dump) = self.0.iter().find(|dump| !values.contains_key(&dump.node)) {
            let inside = match engine.layer_of(network, dump.node) {
                Some(layer) => format!("it exists only inside layer '{}', or in part", escape::line(&layer)),
                None => "it is fused into the node behind it".into(),
            };
            let message = format!("the engine does not have tensor '{}' as a whole: {inside}", escape::line(&dump.name));
            return Err(Failure::new(message).help("use --engine reference, which computes every node"));
        }
        for Dump { path, node, port, .. } in &self.0 {
            let (maps, shape) = (&values[node], network.node(*node).shape);
            match port {
                Some(port) => {
                    let (dims, values) = tensor::as_in_file(port, batch, maps);
                    npy::write(path, &dims, &values)?;
                }
                None => npy::write(path, &[batch, shape.c, shape.h, shape.w], maps)?,
            }
        }
        Ok(())
    }
}
