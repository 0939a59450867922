//! The inputs of a network, as what is generated calls them. The network has one map, which holds them one after another.

use sartor_models::escape::line;
use sartor_models::import::{Interface, Port};
use sartor_models::{Network, Shape};

/// An input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its map, of one image.
    pub shape: Shape,
}

/// Inputs that are not the network's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputsError {
    /// Two have one name.
    #[error("there are two inputs '{}': give each a name of its own", line(.0))]
    Twice(String),
    /// They are not the whole input, or more.
    #[error("the inputs {names} have {given} values an image, the network takes {taken}")]
    Length {
        /// Their names.
        names: String,
        /// Values of all of them.
        given: usize,
        /// Values of the network's input.
        taken: usize,
    },
}

impl Input {
    /// The inputs of a file, in its order.
    pub fn all_of(interface: &Interface) -> Vec<Self> {
        interface.inputs.iter().map(|Port { name, shape, .. }| Self { name: name.clone(), shape: *shape }).collect()
    }

    /// The network's only one.
    pub fn only(network: &Network) -> Self {
        Self { name: network.nodes()[0].name.clone(), shape: network.input_shape() }
    }
}

/// Checks that these inputs, one after another, are the network's only one. None stand for it itself.
pub fn check(inputs: &[Input], network: &Network) -> Result<(), InputsError> {
    let named = |i: usize| inputs[..i].iter().any(|other| other.name == inputs[i].name);
    if let Some(i) = (0..inputs.len()).find(|&i| named(i)) {
        return Err(InputsError::Twice(inputs[i].name.clone()));
    }
    let given = inputs.iter().try_fold(0usize, |sum, input| {
        let Shape { c, h, w } = input.shape;
        c.checked_mul(h)?.checked_mul(w)?.checked_add(sum)
    });
    let taken = network.input_shape().len();
    if inputs.is_empty() || given == Some(taken) {
        return Ok(());
    }
    let names = inputs.iter().map(|input| line(&input.name).to_string()).collect::<Vec<_>>().join(", ");
    Err(InputsError::Length { names, given: given.unwrap_or(usize::MAX), taken })
}

#[cfg(test)]
mod tests {
    use sartor_models::Builder;

    use super::*;

    #[test]
    fn inputs_are_the_whole_map() {
        let builder = Builder::new("n", Shape::new(3, 2, 2)).unwrap();
        let input = builder.input();
        let network = builder.finish(&[input]).unwrap();
        let of = |name: &str, c| Input { name: name.into(), shape: Shape::new(c, 2, 2) };
        for right in [vec![], vec![Input::only(&network)], vec![of("a", 1), of("b", 2)]] {
            assert_eq!(check(&right, &network), Ok(()));
        }
        let told = |inputs: &[Input]| check(inputs, &network).unwrap_err().to_string();
        assert!(told(&[of("a", 1), of("b", 1)]).contains("a, b have 8 values an image, the network takes 12"));
        assert!(told(&[of("a", usize::MAX)]).contains("the network takes 12"));
        assert!(told(&[of("a", 1), of("a", 2)]).contains("two inputs 'a'"));
    }
}
