//! What classifies batches of rows, for engines of many processes and machines.

use sartor_models::{Network, Scores};

use super::super::fill::fill;
use super::super::package::Package;
use super::calls::listed;
use super::pictures;

/// Its files: names, and texts. There are none unless the network makes one row of scores of one input.
pub fn files(network: &Network, package: &Package, module: &str) -> Vec<(&'static str, String)> {
    let &[output] = network.outputs() else { return Vec::new() };
    let shape = network.node(output).shape;
    if shape.pixels() != 1 || package.inputs(network).len() != 1 {
        return Vec::new();
    }
    let (labels, preprocess) = pictures::has(package);
    let imported = [("INPUTS", true), ("LABELS", labels), ("Model", true), ("preprocess", preprocess)];
    let imported = listed(imported.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned()));
    let values = [
        ("net", module),
        ("imported", &imported),
        ("labels", if labels { "LABELS" } else { "()" }),
        ("classes", &shape.c.to_string()),
        ("are_probabilities", if Scores::of(network) == Scores::Probabilities { "True" } else { "False" }),
        ("preprocess", if preprocess { "preprocess" } else { "None" }),
    ];
    vec![("batch.py", fill(include_str!("../template/batch.py"), &values)), ("batch.pyi", TYPES.into())]
}

const TYPES: &str = include_str!("../template/batch.pyi");
