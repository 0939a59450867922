//! The values of a network's nodes, as an engine computes them.

use std::collections::{BTreeMap, BTreeSet};

use sartor_codegen::network::layers::Layers;
use sartor_kernels::runtime::SessionError;
use sartor_models::{Network, NodeId, Op, Weights};

use super::engines::{EngineError, ReferenceEngine};
use super::observe::{Observed, Seen, observe};
use crate::compile::Model;

/// The values cannot be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValuesError {
    /// The weights do not fit the network, or the input does not.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The program cannot be run.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// The values that are complete when a layer has run: their nodes, their channels as NCHW, and the map that they lie in. Several layers may
/// write parts of one value. It is complete after the last of them.
pub fn completed<'a>(layers: &'a Layers, observed: Observed<'a>) -> impl Iterator<Item = (NodeId, Vec<f32>, &'a Seen)> {
    let layer = &layers[observed.index];
    let map = layer.dst();
    let is_last = layers.layers.iter().skip(observed.index.0 + 1).all(|later| later.dst() != map);
    let values = layers.layers.iter().filter_map(|layer| layer.value.as_ref()).filter(move |value| is_last && value.map == map);
    let result = observed.result(layer);
    values.map(move |value| (value.node, result.channels(value.lanes.iter().copied()), result))
}

/// The values of those of the nodes that a compiled program has whole, each NCHW over all images. Others exist inside a layer
/// only, or lack rows that nothing reads.
///
/// # Errors
/// If the input is not a whole number of images, or the weights are not the network's.
///
/// # Panics
/// If the program was not compiled from this network.
pub fn of_program(
    model: &Model,
    network: &Network,
    weights: &Weights,
    input: &[f32],
    wanted: &BTreeSet<NodeId>,
) -> Result<BTreeMap<NodeId, Vec<f32>>, ValuesError> {
    let plan = &model.planned().plan;
    let reference = ReferenceEngine::new(network, weights)?;
    let mut session = model.session(1)?;
    let mut all: BTreeMap<NodeId, Vec<f32>> = BTreeMap::new();
    for image in input.chunks(model.program().input_len()) {
        let mut output = vec![0.0; plan.output_len];
        let mut known = BTreeMap::from([(NodeId(0), image.to_vec())]);
        observe(plan, &mut session, image, &mut output, |observed| {
            for (node, value, seen) in completed(&plan.layers, observed) {
                if seen.written.iter().all(|&written| written) {
                    known.insert(node, value);
                }
            }
        })?;
        let mut rest = &output[..];
        for &id in network.outputs() {
            let (value, after) = rest.split_at(network.node(id).shape.len());
            known.insert(id, value.to_vec());
            rest = after;
        }
        add_moved(&reference, network, wanted, &mut known);
        for &id in wanted {
            if let Some(value) = known.get(&id) {
                all.entry(id).or_default().extend(value);
            }
        }
    }
    Ok(all)
}

/// Adds the values of those of the nodes whose inputs are known and only moved, and of what is moved on the way to them.
fn add_moved(
    reference: &ReferenceEngine<'_>,
    network: &Network,
    wanted: &BTreeSet<NodeId>,
    known: &mut BTreeMap<NodeId, Vec<f32>>,
) {
    let moves = |id: NodeId| {
        matches!(
            network.node(id).op,
            Op::Concat | Op::Slice { .. } | Op::ChannelShuffle { .. } | Op::Transpose(_) | Op::Reshape(_) | Op::Rearrange(_)
        )
    };
    let mut needed = wanted.clone();
    let mut open: Vec<NodeId> = wanted.iter().copied().collect();
    while let Some(id) = open.pop() {
        if !known.contains_key(&id) && moves(id) {
            open.extend(network.node(id).inputs.iter().filter(|&&input| needed.insert(input)));
        }
    }
    // Inputs have smaller ids than what reads them.
    for id in needed {
        if known.contains_key(&id) || !moves(id) {
            continue;
        }
        let inputs: Option<Vec<&[f32]>> =
            network.node(id).inputs.iter().map(|input| known.get(input).map(Vec::as_slice)).collect();
        if let Some(inputs) = inputs {
            let value = reference.node(id, &inputs, 1).into_iter().map(|value| value as f32).collect();
            known.insert(id, value);
        }
    }
}
