//! What the nodes of a network became in a plan.

use std::collections::BTreeMap;

use sartor_codegen::network::layers::LayerId;
use sartor_codegen::plan::Plan;
use sartor_models::{Network, NodeId, Op};

/// What a node became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InPlan {
    /// The network's input.
    Input,
    /// The layer whose work is this node's, or in which it is fused.
    Layer {
        /// The layer.
        layer: LayerId,
        /// Whether the map that the layer writes holds the node's value, so that it can be seen.
        whole: bool,
    },
    /// Nothing: it only says which lanes of which maps other layers read.
    Lanes,
    /// The copying of results to the user does it.
    Output,
    /// Nothing needs it.
    Nothing,
}

/// What each node of a network became, by its id.
pub fn in_plan(network: &Network, plan: &Plan) -> Vec<InPlan> {
    let layers = || plan.layers.layers.iter().enumerate().map(|(index, layer)| (LayerId(index), layer));
    let named: BTreeMap<&str, LayerId> = layers().map(|(id, layer)| (layer.name.as_str(), id)).collect();
    // Of the layers that hold a value, the first computes it, and others copy it.
    let mut valued: BTreeMap<NodeId, LayerId> = BTreeMap::new();
    for (id, layer) in layers() {
        if let Some(value) = &layer.value {
            valued.entry(value.node).or_insert(id);
        }
    }
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); network.nodes().len()];
    for (id, node) in network.nodes().iter().enumerate() {
        node.inputs.iter().for_each(|input| readers[input.0].push(id));
    }
    let is_copied = |id: NodeId| plan.layers.outputs.iter().any(|output| output.node == id);
    let mut all = vec![InPlan::Nothing; network.nodes().len()];
    for id in (0..network.nodes().len()).rev().map(NodeId) {
        let node = network.node(id);
        // What is read only by what the copying does is done by it too.
        let copied = is_copied(id) || readers[id.0].iter().any(|&reader| all[reader] == InPlan::Output);
        let fused = || {
            readers[id.0].iter().find_map(|&reader| match all[reader] {
                InPlan::Layer { layer, .. } => Some(layer),
                _ => None,
            })
        };
        all[id.0] = match (valued.get(&id), named.get(node.name.as_str())) {
            _ if node.op == Op::Input => InPlan::Input,
            (Some(&layer), _) => InPlan::Layer { layer, whole: true },
            (None, Some(&layer)) => InPlan::Layer { layer, whole: false },
            _ => match node.op {
                Op::Transpose(_) | Op::Reshape(_) | Op::Softmax { .. } if copied => InPlan::Output,
                Op::Concat | Op::Slice { .. } | Op::ChannelShuffle { .. } | Op::Transpose(_) | Op::Reshape(_) => InPlan::Lanes,
                _ if network.is_identity(id) => InPlan::Lanes,
                _ => match fused() {
                    Some(layer) => InPlan::Layer { layer, whole: false },
                    None if copied => InPlan::Output,
                    None => InPlan::Nothing,
                },
            },
        };
    }
    // What a concatenation reads is fused into the layer before it.
    for (id, node) in network.nodes().iter().enumerate() {
        let elementwise = matches!(node.op, Op::BatchNorm { .. } | Op::Activation(_) | Op::Add | Op::Binary(_));
        let before = node.inputs.iter().find_map(|input| match all[input.0] {
            InPlan::Layer { layer, .. } => Some(layer),
            _ => None,
        });
        if let (InPlan::Nothing, true, Some(layer)) = (&all[id], elementwise && !readers[id].is_empty(), before) {
            all[id] = InPlan::Layer { layer, whole: false };
        }
    }
    all
}

/// Lanes for people: `0..24`, or `0..8,16..24`.
pub fn lanes(lanes: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &lane in lanes {
        match runs.last_mut() {
            Some((_, end)) if *end == lane => *end += 1,
            _ => runs.push((lane, lane + 1)),
        }
    }
    if runs.len() > 4 {
        return format!("{} in another order", lanes.len());
    }
    runs.iter().map(|(begin, end)| format!("{begin}..{end}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use sartor_codegen::compile::Kind;
    use sartor_codegen::compile::generate;
    use sartor_kernels::runtime::Level;
    use sartor_models::{Activation, Builder, Conv2d, Reduction, Shape, Weights, Window, zoo};

    use super::*;

    #[test]
    fn every_node_of_the_zoo_became_something() {
        for name in ["rexnet_x1.0@32x32", "shufflenet_v1_g3_x1.0@32x32", "efficientnet_b0@32x32"] {
            let network = name.parse::<zoo::Spec>().unwrap().build().unwrap();
            let generated = generate(&network, &Weights::random(&network, 0), &[Level::Portable], 1, Kind::Lib).unwrap();
            let plan = &generated.plans[0];
            let all = in_plan(&network, plan);
            for (id, became) in network.ids().zip(&all) {
                assert_ne!(*became, InPlan::Nothing, "{name}: {}", network.node(id).name);
            }
            for layer in &plan.layers.layers {
                let became = &all[layer.value.as_ref().unwrap().node.0];
                assert!(matches!(became, InPlan::Layer { whole: true, .. }), "{name}: {}: {became:?}", layer.name);
            }
        }
    }

    /// A concatenation that copies what layers computed is not what computes it.
    #[test]
    fn what_is_copied_is_computed_by_the_layer_before() {
        let mut b = Builder::new("copied", Shape::new(16, 4, 5)).unwrap();
        let depthwise = Op::Conv2d(Conv2d { oc: 16, groups: 16, bias: true, window: Window::square(3, 1, 1) });
        let one = b.add("one", depthwise, &[b.input()]).unwrap();
        let act = b.add("act", Op::Activation(Activation::Relu), &[one]).unwrap();
        let two = b.add("two", depthwise, &[act]).unwrap();
        let both = b.add("both", Op::Concat, &[act, two, act]).unwrap();
        let mean = b.add("mean", Op::Reduce(Reduction::Mean), &[both]).unwrap();
        let network = b.finish(&[mean]).unwrap();
        let generated = generate(&network, &Weights::random(&network, 0), &[Level::Portable], 1, Kind::Lib).unwrap();
        let plan = &generated.plans[0];
        let InPlan::Layer { layer, .. } = in_plan(&network, plan)[act.0] else { panic!("act is in a layer") };
        assert_eq!(plan.layers[layer].name, "one");
    }

    #[test]
    fn lanes_are_short() {
        assert_eq!(lanes(&[0, 1, 2, 8, 9]), "0..3,8..10");
        assert_eq!(lanes(&[0, 2, 4, 6, 8, 1]), "6 in another order");
        assert_eq!(lanes(&[]), "");
    }
}
