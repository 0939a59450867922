//! What was read from a file.

use super::inputs::{Interface, Port};
use super::trace::Trace;
use crate::graph::{GraphError, Network};
use crate::input::{Formed, InputForm, Layout};
use crate::weights::Weights;

/// A network that was read from a file.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The network. Its nodes have the names of the file's nodes, and those that it returns the names of the file's outputs.
    pub network: Network,
    /// Its weights.
    pub weights: Weights,
    /// The file's inputs and outputs, and how the network's maps lie in them.
    pub interface: Interface,
    /// Whether weights were missing, and were drawn at random.
    pub random: bool,
    /// What became of the file's nodes and tensors.
    pub trace: Trace,
}

impl Imported {
    /// The same network, with its input in another form. If its dimensions come in another order, this is the order of the port too.
    ///
    /// # Errors
    /// As [`InputForm::of`], and if there are several inputs.
    pub fn with_input(self, form: &InputForm) -> Result<Self, GraphError> {
        if self.interface.inputs.len() > 1 {
            return Err(GraphError {
                node: "input".into(),
                attribute: "number of inputs".into(),
                value: self.interface.inputs.len().to_string(),
                help: "only the only input of a network can have another form".into(),
            });
        }
        let Formed { network, weights, became } = form.of(&self.network, &self.weights)?;
        let mut interface = self.interface;
        if form.layout != Layout::Nchw {
            interface.inputs = vec![Port::usual(interface.inputs[0].name.clone(), network.input_shape())];
        }
        Ok(Self { network, weights, interface, random: self.random, trace: self.trace.moved(&became) })
    }
}
