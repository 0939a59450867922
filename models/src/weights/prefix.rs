//! Prefixes that training adds to all names of a state dict.

use std::collections::BTreeMap;

/// Prefixes of wrapped modules, compiled modules and flattened checkpoints.
const WRAPPERS: [&str; 4] = ["module.", "model.", "_orig_mod.", "state_dict."];
/// The most of these that a prefix may consist of.
const MOST: usize = 8;

/// The prefixes that the names of a file may have: the most frequent one and all shorter ones, beginning with none.
pub(super) fn candidates<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        if let Some(longest) = prefixes(name).last().filter(|prefix| !prefix.is_empty()) {
            *counts.entry(longest).or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|&(_, count)| count);
    most.map_or(vec![""], |(prefix, _)| prefixes(prefix))
}

/// All prefixes of a name that consist of [`WRAPPERS`], the shortest first.
fn prefixes(name: &str) -> Vec<&str> {
    let mut found = vec![""];
    while found.len() <= MOST
        && let len = found[found.len() - 1].len()
        && let Some(wrapper) = WRAPPERS.iter().find(|wrapper| name[len..].starts_with(**wrapper))
    {
        found.push(&name[..len + wrapper.len()]);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_stack_in_any_order_to_a_depth() {
        let of = |names: &[&'static str]| candidates(names.iter().copied());
        assert_eq!(of(&["conv.weight", "modules.weight", "model"]), [""]);
        assert_eq!(
            of(&["state_dict.module._orig_mod.a"]),
            ["", "state_dict.", "state_dict.module.", "state_dict.module._orig_mod."]
        );
        assert_eq!(of(&["model.a", "module.b", "module.model.c", "module.d"]), ["", "module."]);
        let deep: &str = Box::leak("module.".repeat(100_000).into_boxed_str());
        assert_eq!(candidates([deep].into_iter()).last().unwrap().len(), MOST * "module.".len());
    }
}
