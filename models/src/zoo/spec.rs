//! Which network: a family and its parameters, written `family[_VARIANT][_gGROUPS][_xWIDTH][@HxW]`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{Entry, Variant, ZooError, entries};
use crate::graph::Network;

const WIDTHS: RangeInclusive<f64> = 0.05..=8.0;
const RESOLUTIONS: RangeInclusive<usize> = 32..=1024;
const CLASSES: RangeInclusive<usize> = 1..=100_000;

/// A network of the zoo and its parameters.
///
/// Parsed from and printed as `family[_VARIANT][_gGROUPS][_xWIDTH][@HxW]`: `rexnet_x1.0`, `mobilenet_v2_x1.4@320x320`,
/// `shufflenet_v1_g3_x1.0`, `efficientnet_b0`, `efficientnet_b0_tf@300x300`. Parts left out take the family's defaults; classes, head and kernel sizes are
/// not part of the notation. Fields may be set freely; [`build`](Spec::build) checks them.
#[derive(Clone, Debug)]
pub struct Spec {
    entry: &'static Entry,
    variant: Option<Variant>,
    /// Groups of the 1x1 convolutions; 1 in families without that parameter.
    pub groups: usize,
    /// Width multiplier, 0.05 to 8.
    pub width: f64,
    /// Input height and width, 32 to 1024 pixels each.
    pub resolution: (usize, usize),
    /// Outputs of the classifier, 1 to 100,000.
    pub classes: usize,
    /// Whether the network ends in its classifier. Without head, it ends where the last 1x1 convolution in front of the
    /// classifier would begin, and its outputs are the last maps of strides 4, 8, 16 and 32.
    pub head: bool,
    /// Kernel size of the depthwise convolutions in each of the six stages; only `rexnet_lite` lets it differ from 3.
    pub kernel_conf: [usize; 6],
}

impl Spec {
    pub(super) fn of(entry: &'static Entry) -> Self {
        Self {
            entry,
            variant: None,
            groups: entry.default_groups,
            width: entry.width,
            resolution: entry.resolution,
            classes: entry.classes,
            head: true,
            kernel_conf: [3; 6],
        }
    }

    /// The family.
    pub fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// Whose definition of the family it is, if that was said; else it is built by the family's first.
    pub fn variant(&self) -> Option<Variant> {
        self.variant
    }

    /// By this definition of the family.
    pub fn with_variant(self, variant: Variant) -> Self {
        Self { variant: Some(variant), ..self }
    }

    /// With this many groups.
    pub fn with_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// With this width multiplier.
    pub fn with_width(self, width: f64) -> Self {
        Self { width, ..self }
    }

    /// For input of this height and width.
    pub fn with_resolution(self, height: usize, width: usize) -> Self {
        Self { resolution: (height, width), ..self }
    }

    /// With this many classes.
    pub fn with_classes(self, classes: usize) -> Self {
        Self { classes, ..self }
    }

    /// With or without its head.
    pub fn with_head(self, head: bool) -> Self {
        Self { head, ..self }
    }

    /// With these depthwise kernel sizes, one a stage.
    pub fn with_kernel_conf(self, kernel_conf: [usize; 6]) -> Self {
        Self { kernel_conf, ..self }
    }

    /// Builds the graph; its name is this specification's.
    ///
    /// # Errors
    /// If a parameter is out of range or not one of this family's; the error names it and its value.
    pub fn build(&self) -> Result<Network, ZooError> {
        self.check()?;
        (self.entry.build)(self).map_err(|fault| ZooError::Graph { network: self.to_string(), fault })
    }

    fn check(&self) -> Result<(), ZooError> {
        if !WIDTHS.contains(&self.width) {
            return Err(self.fault("width", self.width, between(&WIDTHS)));
        }
        for (attribute, size) in [("height", self.resolution.0), ("width in pixels", self.resolution.1)] {
            if !RESOLUTIONS.contains(&size) {
                return Err(self.fault(attribute, size, between(&RESOLUTIONS)));
            }
        }
        if !CLASSES.contains(&self.classes) {
            return Err(self.fault("classes", self.classes, between(&CLASSES)));
        }
        if let Some(variant) = self.variant.filter(|variant| !self.entry.variants.contains(variant)) {
            return Err(self.fault("variant", variant, "this family has no variants".into()));
        }
        if self.entry.groups.is_empty() && self.groups != 1 {
            return Err(self.fault("groups", self.groups, "this family has no groups".into()));
        }
        if !self.entry.groups.is_empty() && !self.entry.groups.contains(&self.groups) {
            return Err(self.fault("groups", self.groups, format!("must be one of {:?}", self.entry.groups)));
        }
        if !self.entry.kernel_conf && self.kernel_conf != [3; 6] {
            let value = format!("{:?}", self.kernel_conf);
            return Err(self.fault("kernel_conf", value, "this family's kernels are fixed".into()));
        }
        if let Some(kernel) = self.kernel_conf.iter().find(|k| ![1, 3, 5, 7, 9].contains(*k)) {
            return Err(self.fault("kernel_conf", kernel, "kernel sizes must be 1, 3, 5, 7 or 9".into()));
        }
        Ok(())
    }

    fn fault(&self, attribute: &'static str, value: impl fmt::Display, help: String) -> ZooError {
        ZooError::Parameter { network: self.entry.family.into(), attribute, value: value.to_string(), help }
    }
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        let key =
            |s: &Self| (s.entry.family, s.variant, s.groups, s.width.to_bits(), s.resolution, s.classes, s.head, s.kernel_conf);
        key(self) == key(other)
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.entry.family)?;
        if let Some(variant) = self.variant {
            write!(f, "_{variant}")?;
        }
        if !self.entry.groups.is_empty() {
            write!(f, "_g{}", self.groups)?;
        }
        if self.entry.names_width || self.width != self.entry.width {
            write!(f, "_x{:?}", self.width)?;
        }
        if self.resolution != self.entry.resolution {
            write!(f, "@{}x{}", self.resolution.0, self.resolution.1)?;
        }
        Ok(())
    }
}

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
        let entry = spec.entry;
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

fn between<T: fmt::Debug>(range: &RangeInclusive<T>) -> String {
    format!("must be between {:?} and {:?}", range.start(), range.end())
}

fn unknown(name: &str) -> ZooError {
    let of_variants =
        |entry: &'static Entry| entry.variants.iter().map(move |&variant| Spec::of(entry).with_variant(variant).to_string());
    let names = entries().iter().map(|entry| entry.family.to_string()).chain(super::defaults());
    let names = names.chain(entries().iter().flat_map(of_variants));
    let likeness = |candidate: &String| strsim::jaro_winkler(candidate, name);
    let nearest = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default();
    ZooError::Unknown { name: name.into(), nearest }
}
