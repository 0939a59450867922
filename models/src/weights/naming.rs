//! Finds out which naming a file uses, and for which network it is.

use std::collections::BTreeMap;

use safetensors::tensor::TensorInfo;

use super::prefix;
use crate::graph::{Network, Param};
use crate::zoo::{self, Entry, Spec};

/// The names that a network's parameters have in a file.
pub(super) struct Naming {
    /// Whose names they are.
    pub label: &'static str,
    /// Whether another network has the same names.
    pub shared: bool,
    /// The prefix of all names.
    pub prefix: String,
    /// A name for each parameter, with the prefix.
    pub names: Vec<String>,
}

impl Naming {
    /// The naming under which most parameters are in the file. If several are equal, the network's own is preferred, and the shorter prefix.
    pub fn best(network: &str, params: &[Param], tensors: &BTreeMap<String, &TensorInfo>) -> Self {
        let own: Vec<String> = params.iter().map(|param| param.name.clone()).collect();
        let mut best = (0, Self { label: "its own names", shared: false, prefix: String::new(), names: own.clone() });
        let mut known = vec![("its own names", false, own)];
        for alias in zoo::aliases(network) {
            known.push((alias.label, alias.shared, params.iter().map(|param| (alias.rename)(&param.name)).collect()));
        }
        for prefix in prefix::candidates(tensors.keys().map(String::as_str)) {
            for (label, shared, names) in &known {
                let names: Vec<String> = names.iter().map(|name| format!("{prefix}{name}")).collect();
                let matches = names.iter().filter(|name| tensors.contains_key(*name)).count();
                if matches > best.0 {
                    best = (matches, Self { label, shared: *shared, prefix: prefix.into(), names });
                }
            }
        }
        best.1
    }
}

/// Another network of the zoo, at its default width and with any number of classes, that has exactly these tensors. `None` if
/// `network` itself is not of the zoo: it may have the same names as one that is.
pub(super) fn fitting(network: &Network, tensors: &BTreeMap<String, &TensorInfo>) -> Option<String> {
    zoo::entries().iter().find(|entry| network.name.starts_with(entry.family))?;
    let specs = zoo::entries().iter().flat_map(Entry::defaults);
    specs.map(|spec| (spec.to_string(), spec)).filter(|(name, _)| !network.name.starts_with(name)).find_map(|(name, spec)| {
        let named = |spec: &Spec| {
            let params = spec.build().ok().map(|network| network.params()).filter(|params| params.len() == tensors.len())?;
            let names = Naming::best(&name, &params, tensors).names;
            Some(params.into_iter().zip(names).collect::<Vec<_>>())
        };
        let (_, last) = named(&spec)?.pop()?;
        let classes = *tensors.get(&last)?.shape.first()?;
        let fits = |(param, name): &(Param, String)| tensors.get(name).is_some_and(|info| info.shape == param.shape);
        named(&spec.with_classes(classes))?.iter().all(fits).then_some(name)
    })
}
