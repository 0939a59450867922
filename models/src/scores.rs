//! What a classifier's outputs are.

use crate::graph::{Activation, Network, Op};

/// What the outputs of a classifier are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scores {
    /// Logits, or their log-softmax: their softmax is the probabilities.
    Logits,
    /// Probabilities: the network ends in a softmax, or in a sigmoid for each class.
    Probabilities,
}

impl Scores {
    /// What the first output of a network is, by the operator that makes its values.
    pub fn of(network: &Network) -> Self {
        let mut id = network.outputs()[0];
        loop {
            let node = network.node(id);
            match node.op {
                // These move values.
                Op::Transpose(_) | Op::Reshape(_) => id = node.inputs[0],
                Op::Softmax { log: false } => return Self::Probabilities,
                Op::Activation(act) if is_gate(act) => return Self::Probabilities,
                _ => return Self::Logits,
            }
        }
    }
}

/// Whether a function rises from 0 to 1, as a sigmoid does.
fn is_gate(act: Activation) -> bool {
    act.at(f64::NEG_INFINITY) == 0.0 && act.at(f64::INFINITY) == 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Builder, Shape};

    #[test]
    fn a_softmax_and_a_sigmoid_make_probabilities() {
        let of = |ops: &[Op]| {
            let mut builder = Builder::new("n", Shape::new(4, 1, 1)).unwrap();
            let mut last = builder.input();
            for (i, &op) in ops.iter().enumerate() {
                last = builder.add(format!("op{i}"), op, &[last]).unwrap();
            }
            Scores::of(&builder.finish(&[last]).unwrap())
        };
        let softmax = |log| Op::Softmax { log };
        assert_eq!(of(&[softmax(false)]), Scores::Probabilities);
        assert_eq!(of(&[softmax(false), Op::Transpose([0, 2, 1]), Op::Reshape(Shape::new(4, 1, 1))]), Scores::Probabilities);
        assert_eq!(of(&[Op::Activation(Activation::Sigmoid)]), Scores::Probabilities);
        assert_eq!(of(&[softmax(true)]), Scores::Logits);
        assert_eq!(of(&[softmax(false), Op::Activation(Activation::Relu)]), Scores::Logits);
        assert_eq!(of(&[Op::Activation(Activation::Tanh)]), Scores::Logits);
    }
}
