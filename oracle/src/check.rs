//! Judges an engine's values of a network's nodes.

use std::collections::BTreeMap;

use sartor_models::NodeId;
use tch::Tensor;

use crate::bounded::Bounded;
use crate::torch::{Torch, ids};

/// One comparison.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The node's name, or the network's for its output as a whole.
    pub name: String,
    /// Largest absolute error.
    pub error: f64,
    /// Largest ratio of error to tolerance.
    pub ratio: f64,
}

impl Verdict {
    /// Whether the engine is right; false where it returned NaN.
    pub fn is_right(&self) -> bool {
        self.ratio <= 1.0
    }
}

impl Torch<'_> {
    /// Judges every node that the engine gives a value for, except the network's input. The node is computed from the engine's own values of
    /// its inputs. Where the engine fused an input away, that input is computed from the engine's values before it.
    ///
    /// # Panics
    /// If the input's value is missing.
    pub fn judge_layers(&self, engine: &BTreeMap<NodeId, Tensor>) -> Vec<Verdict> {
        assert!(engine.contains_key(&NodeId(0)), "the input's value is missing");
        let mut last: Vec<NodeId> = ids(self.network).collect();
        for id in ids(self.network) {
            self.network.node(id).inputs.iter().for_each(|input| last[input.0] = id);
        }
        // Nodes that several others read are converted, or derived, once.
        let mut known = BTreeMap::new();
        engine
            .iter()
            .filter(|(id, _)| id.0 != 0)
            .map(|(&id, value)| {
                let (error, ratio) = self.derive(id, engine, &mut known).judge(value);
                // What no later node reads is dropped.
                known.retain(|&input, _| last[input.0] > id);
                Verdict { name: self.network.node(id).name.clone(), error, ratio }
            })
            .collect()
    }

    fn derive(&self, id: NodeId, engine: &BTreeMap<NodeId, Tensor>, known: &mut BTreeMap<NodeId, Bounded>) -> Bounded {
        let inputs = &self.network.node(id).inputs;
        for &input in inputs {
            if !known.contains_key(&input) {
                let value = match engine.get(&input) {
                    Some(value) => Bounded::given(value),
                    None => self.derive(input, engine, known),
                };
                known.insert(input, value);
            }
        }
        self.bounded(id, &inputs.iter().map(|i| &known[i]).collect::<Vec<_>>())
    }
}

/// One line for each verdict that is not right.
pub fn wrong(verdicts: &[Verdict]) -> Vec<String> {
    verdicts
        .iter()
        .filter(|v| !v.is_right())
        .map(|v| format!("{}: error {:.3e} is {:.2} of the tolerance", v.name, v.error, v.ratio))
        .collect()
}
