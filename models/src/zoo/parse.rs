//! Reads the names of networks.

use std::str::FromStr;

use super::{Entry, Spec, ZooError, defaults, entries};

impl FromStr for Spec {
    type Err = ZooError;

    fn from_str(name: &str) -> Result<Self, ZooError> {
        let (rest, resolution) = split(name, "@");
        let (rest, width) = split(rest, "_x");
        let (family, groups) = split(rest, "_g");
        let of = |family: &str| entries().iter().find(|entry| entry.family == family).map(Self::of);
        let with_variant = || {
            let (family, variant) = family.rsplit_once('_')?;
            Some(of(family)?.with_variant(variant.parse().ok()?))
        };
        let mut spec = of(family).or_else(with_variant).ok_or_else(|| unknown(name))?;
        let entry = spec.entry();
        if let Some(text) = groups {
            let groups = text.parse().map_err(|_| spec.fault("groups", text, "must be a whole number".into()))?;
            if entry.groups.is_empty() {
                return Err(spec.fault("groups", groups, "this family has no groups".into()));
            }
            spec.groups = groups;
        }
        if let Some(text) = width {
            spec.width = text.parse().map_err(|_| spec.fault("width", text, "must be a number such as 1.4".into()))?;
        }
        if let Some(text) = resolution {
            let sizes = text.split_once('x').and_then(|(h, w)| Some((h.parse().ok()?, w.parse().ok()?)));
            spec.resolution =
                sizes.ok_or_else(|| spec.fault("resolution", text, "must be HEIGHTxWIDTH, such as 320x320".into()))?;
        }
        spec.check()?;
        Ok(spec)
    }
}

fn split<'a>(text: &'a str, mark: &str) -> (&'a str, Option<&'a str>) {
    text.rsplit_once(mark).map_or((text, None), |(head, tail)| (head, Some(tail)))
}

fn unknown(name: &str) -> ZooError {
    let of_variants =
        |entry: &'static Entry| entry.variants.iter().map(move |&variant| Spec::of(entry).with_variant(variant).to_string());
    let names = entries().iter().map(|entry| entry.family.to_string()).chain(defaults());
    let names = names.chain(entries().iter().flat_map(of_variants));
    let likeness = |candidate: &String| strsim::jaro_winkler(candidate, name);
    let nearest = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default();
    ZooError::Unknown { name: name.into(), nearest }
}
