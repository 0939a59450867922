//! Checks a program layer by layer and output by output, whatever executes it.

use std::collections::BTreeMap;

use sartor_codegen::layout::MapId;
use sartor_codegen::network::layers::{Normalized, Output};
use sartor_kernels::reference::bound;
use sartor_kernels::shape::Maps;
use sartor_models::{Network, NodeId, Weights};

use super::distance::Distance;
use super::error::VerifyError;
use super::layer;
use super::network::drift;
use super::verdict::Verdict;
use crate::compile::Planned;
use crate::judge::observe::{Executor, Seen, observe, read};
use crate::judge::values::completed;

/// The same output, computed in another way.
pub struct Again {
    /// In which way, as messages say it: `on 3 threads`.
    pub how: String,
    /// Whether at another level.
    pub elsewhere: bool,
    pub output: Vec<f32>,
}

/// A network with its plan and its input: what the results of an executor are compared with.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub network: &'a Network,
    pub weights: &'a Weights,
    /// The layers of the network; the plan's must be the same.
    pub layers: &'a Normalized,
    pub planned: &'a Planned,
    pub input: &'a [f32],
    /// The output, computed in other ways; the executor's must have the same bits.
    pub again: &'a [Again],
}

/// Runs the plan on an executor and compares every layer and every output with the reference.
pub fn judge(case: Case<'_>, executor: &mut impl Executor) -> Result<Vec<Verdict>, VerifyError> {
    let Case { network, weights, layers, planned, input, .. } = case;
    let plan = &planned.plan;
    let mut output = vec![0.0; plan.output_len];
    let mut verdicts = Vec::new();
    let mut values = Values::default();
    let planned: Vec<_> = planned.stages.iter().flat_map(|stage| &stage.layers).collect();
    assert_eq!(planned.len(), layers.layers.len(), "layers of the program and of the network");
    observe(plan, executor, input, &mut output, |observed| {
        let layer = &layers[observed.index];
        let (distance, fault) = layer::check(layers, observed);
        let (name, problem, kernel) =
            (layer.name.clone(), planned[observed.index.0].problem.clone(), planned[observed.index.0].kernel.clone());
        verdicts.push((
            layer.value.as_ref().map(|value| value.node),
            Verdict { name, problem, kernel, layer: distance, network: distance, fault },
        ));
        completed(layers, observed).for_each(|(node, data, seen)| values.insert(node, data, seen));
    })?;
    verdicts.extend(outputs(case, executor, &output, &mut values));

    let mut distances = BTreeMap::new();
    drift(network, weights, input, plan.batch, |id, exact, bound| {
        if let Some(value) = values.0.remove(&id) {
            distances.insert(id, Distance::largest(&value.data, exact, |_| bound, value.maps, &value.written));
        }
    })?;
    // What is no node's value has no drift of its own.
    let judged = |(node, verdict): (Option<NodeId>, Verdict)| match node {
        Some(node) => Verdict { network: distances[&node], ..verdict },
        None => verdict,
    };
    Ok(verdicts.into_iter().map(judged).collect())
}

/// The values of nodes as the program computed them.
#[derive(Default)]
struct Values(BTreeMap<NodeId, Value>);

struct Value {
    maps: Maps,
    /// NCHW.
    data: Vec<f32>,
    written: Vec<bool>,
}

impl Values {
    fn insert(&mut self, node: NodeId, data: Vec<f32>, seen: &Seen) {
        let maps = Maps { c: data.len() / (seen.maps.n * seen.maps.pixels()), ..seen.maps };
        self.0.insert(node, Value { maps, data, written: seen.written.clone() });
    }
}

/// Checks what the user gets: copies of maps or their softmax. However it is computed, the bits must be the same, but for the sign of zero
/// at another level: the larger of 0 and -0 may be either, and instruction sets differ in it.
fn outputs(case: Case<'_>, executor: &impl Executor, output: &[f32], values: &mut Values) -> Vec<(Option<NodeId>, Verdict)> {
    let Case { network, layers, planned, input, again, .. } = case;
    let (plan, outputs) = (&planned.plan, &layers.outputs);
    let differs = |Again { how, elsewhere, output: other }: &Again| {
        let is_same = |a: f32, b: f32| a.to_bits() == b.to_bits() || (*elsewhere && a == 0.0 && b == 0.0);
        let at = (0..output.len()).find(|&i| !is_same(output[i], other[i]))?;
        Some(format!("value {at} is {} unit by unit, but {} {how}", output[at], other[at]))
    };
    let fault = again.iter().find_map(differs);
    let mut verdicts = Vec::new();
    let mut rest = output;
    for (id, output) in network.outputs().iter().zip(outputs) {
        let (node, batch) = (network.node(*id), plan.batch);
        let maps: BTreeMap<MapId, Seen> = output
            .pieces
            .iter()
            .filter_map(|piece| Some((piece.value.map, read(plan, piece.value.map, executor, input)?)))
            .collect();
        if output.pieces.iter().any(|piece| !maps.contains_key(&piece.value.map)) {
            continue;
        }
        let (found, after) = rest.split_at(batch * output.len);
        rest = after;
        let (exact, bound): (Vec<_>, Vec<_>) = (0..batch).map(|image| exact(output, &maps, batch, image)).unzip();
        let (exact, bound) = (exact.concat(), bound.concat());
        let shape = Maps::new(batch, node.shape.c, node.shape.h, node.shape.w);
        let written = vec![true; batch * node.shape.h];
        let layer = Distance::largest(found, &exact, |i| bound[i], shape, &written);
        let (name, problem) = (node.name.clone(), format!("output {}_n\"{}\"", node.shape, node.name));
        let softmaxes = output.softmaxes.iter().map(|softmax| if softmax.log { ", log_softmax" } else { ", softmax" });
        let kernel = std::iter::once("unpack").chain(softmaxes).collect();
        values.0.insert(*id, Value { maps: shape, data: found.to_vec(), written });
        verdicts.push((Some(*id), Verdict { name, problem, kernel, layer, network: layer, fault: fault.clone() }));
    }
    assert!(rest.is_empty() && verdicts.len() == outputs.len(), "an output is not in the arena");
    verdicts
}

/// An image of an output as it follows from the maps, and how far each value may be from it.
fn exact(output: &Output, maps: &BTreeMap<MapId, Seen>, batch: usize, image: usize) -> (Vec<f64>, Vec<f64>) {
    let mut exact = output.gather(|piece, at| {
        let data = &maps[&piece.value.map].data;
        data[image * (data.len() / batch) + at].into()
    });
    let mut bounds = vec![0.0; exact.len()];
    for softmax in &output.softmaxes {
        let before = exact.clone();
        softmax.apply(&mut exact);
        for places in softmax.places() {
            let largest = |image: &[f64]| places.iter().map(|&at| image[at].abs()).fold(0.0, f64::max);
            let carried = places.iter().map(|&at| bounds[at]).fold(0.0, f64::max);
            let bound = if softmax.log {
                2.0 * carried + bound::log_softmax(places.len(), largest(&before) + largest(&exact))
            } else {
                (2.0 * carried).exp_m1() + bound::softmax(places.len())
            };
            places.iter().for_each(|&at| bounds[at] = bound);
        }
    }
    (exact, bounds)
}
