//! Judges the outputs of whole networks.

use std::collections::BTreeMap;

use sartor::judge::verify::drift;
use sartor_models::{Network, Weights};
use tch::{Kind, Tensor};

use crate::check::Verdict;
use crate::torch::{Torch, tensor};

/// The exact outputs of a network for some images, and how far an f32 engine may be from them.
///
/// The exact values are PyTorch's in f64. The bounds are [`drift`]'s, as in `sartor verify`: they come from the network, its weights and
/// the images alone, and no engine's own error is part of them, so they are the same on every machine.
pub struct Whole {
    outputs: Vec<Output>,
}

struct Output {
    name: String,
    exact: Tensor,
    bound: f64,
}

impl Whole {
    /// Computes the outputs and their bounds for `batch` images.
    ///
    /// # Panics
    /// If the weights are not the network's, or the input is not so many images.
    pub fn new(network: &Network, weights: &Weights, input: &[f32], batch: usize) -> Self {
        let mut bounds = BTreeMap::new();
        drift(network, weights, input, batch, |id, _, bound| {
            bounds.insert(id, bound);
        })
        .expect("the network's weights");
        let values = Torch::new(network, weights).run(&tensor(input, batch, network.input_shape()), Kind::Double);
        let output = |id: &sartor_models::NodeId| Output {
            name: format!("{} ({})", network.name, network.node(*id).name),
            exact: values[id.0].shallow_clone(),
            bound: bounds[id],
        };
        Self { outputs: network.outputs().iter().map(output).collect() }
    }

    /// Replaces PyTorch's f64 outputs by right answers from elsewhere.
    ///
    /// # Panics
    /// If there is not one for each output.
    pub fn with_answers(mut self, answers: Vec<Tensor>) -> Self {
        assert_eq!(answers.len(), self.outputs.len(), "outputs");
        self.outputs.iter_mut().zip(answers).for_each(|(output, answer)| output.exact = answer.to_kind(Kind::Double));
        self
    }

    /// The largest exact value and the bound of each output.
    pub fn bounds(&self) -> impl Iterator<Item = (f64, f64)> {
        self.outputs.iter().map(|output| (output.exact.abs().max().double_value(&[]), output.bound))
    }

    /// Judges an engine's outputs, in order.
    ///
    /// # Panics
    /// If there is not one for each of the network's.
    pub fn judge(&self, engine: &[Tensor]) -> Vec<Verdict> {
        assert_eq!(engine.len(), self.outputs.len(), "outputs");
        let judge = |(output, found): (&Output, &Tensor)| {
            // `max` of PyTorch returns NaN if there is one.
            let error = (found.to_kind(Kind::Double) - &output.exact).abs().max().double_value(&[]);
            Verdict { name: output.name.clone(), error, ratio: error / output.bound }
        };
        self.outputs.iter().zip(engine).map(judge).collect()
    }
}
