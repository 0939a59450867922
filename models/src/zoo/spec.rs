//! Families of networks, and specifications: a family with parameters, written `family[_VARIANT][_gGROUPS][_xWIDTH][@HxW]`.

use std::fmt;
use std::ops::RangeInclusive;

use super::error::ZooError;
use super::variant::Variant;
use crate::graph::{GraphError, Network};

const WIDTHS: RangeInclusive<f64> = 0.05..=8.0;
const RESOLUTIONS: RangeInclusive<usize> = 32..=1024;
const CLASSES: RangeInclusive<usize> = 1..=100_000;

/// A family of networks.
#[derive(Debug)]
pub struct Entry {
    /// The name that specifications begin with, for example `rexnet_lite`.
    pub family: &'static str,
    /// What it is, in one line.
    pub description: &'static str,
    /// The source of the definition.
    pub source: &'static str,
    pub(super) width: f64,
    pub(super) resolution: (usize, usize),
    pub(super) classes: usize,
    /// The numbers of groups that it is defined for; empty if it has no such parameter.
    pub(super) groups: &'static [usize],
    pub(super) default_groups: usize,
    pub(super) variants: &'static [Variant],
    /// Whether names have the width even if it is the default.
    pub(super) names_width: bool,
    /// Whether the kernel size of each stage can be chosen.
    pub(super) kernel_conf: bool,
    pub(super) build: fn(&Spec) -> Result<Network, GraphError>,
    /// Other namings of its parameters.
    pub(crate) aliases: &'static [Alias],
}

/// A naming of parameters other than the network's own.
#[derive(Debug)]
pub(crate) struct Alias {
    /// Whose names they are.
    pub label: &'static str,
    /// The name, in this naming, of a parameter.
    pub rename: fn(&str) -> String,
    /// Whether a network that computes something else has the same names and shapes.
    pub shared: bool,
}

impl Entry {
    /// An entry for 224x224 input and 1000 classes, without groups.
    pub(super) const fn new(
        family: &'static str,
        description: &'static str,
        source: &'static str,
        build: fn(&Spec) -> Result<Network, GraphError>,
    ) -> Self {
        Self {
            family,
            description,
            source,
            width: 1.0,
            resolution: (224, 224),
            classes: 1000,
            groups: &[],
            default_groups: 1,
            variants: &[],
            names_width: true,
            kernel_conf: false,
            build,
            aliases: &[],
        }
    }

    /// The variants of the family. The first one is the default; empty if there is one definition only.
    pub fn variants(&self) -> &'static [Variant] {
        self.variants
    }

    /// The family's networks at its default width and resolution, one for each number of groups.
    pub fn defaults(&'static self) -> Vec<Spec> {
        let spec = Spec::of(self);
        if self.groups.is_empty() {
            return vec![spec];
        }
        self.groups.iter().map(|&groups| spec.clone().with_groups(groups)).collect()
    }
}

/// A network of the zoo and its parameters.
///
/// It is parsed from, and printed as, `family[_VARIANT][_gGROUPS][_xWIDTH][@HxW]`: `rexnet_x1.0`, `mobilenet_v2_x1.4@320x320`,
/// `shufflenet_v1_g3_x1.0`, `efficientnet_b0`, `efficientnet_b0_tf@300x300`. Parts that are left out have the family's defaults.
/// Classes, head and kernel sizes are not part of the name. Fields may have any values; [`build`](Spec::build) checks them.
#[derive(Clone, Debug)]
pub struct Spec {
    entry: &'static Entry,
    variant: Option<Variant>,
    /// The groups of the 1x1 convolutions; 1 in families without this parameter.
    pub groups: usize,
    /// The width multiplier, 0.05 to 8.
    pub width: f64,
    /// The height and width of the input, 32 to 1024 pixels each.
    pub resolution: (usize, usize),
    /// The outputs of the classifier, 1 to 100,000.
    pub classes: usize,
    /// Whether the network has its head. Without it, the network ends before the last 1x1 convolution in front of the classifier,
    /// and its outputs are the last maps of strides 4, 8, 16 and 32.
    pub head: bool,
    /// The kernel sizes of the depthwise convolutions in the six stages. Only in `rexnet_lite` may they differ from 3.
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

    /// The variant, if one was given. Otherwise the family's first variant is built.
    pub fn variant(&self) -> Option<Variant> {
        self.variant
    }

    /// The same with this variant.
    pub fn with_variant(self, variant: Variant) -> Self {
        Self { variant: Some(variant), ..self }
    }

    /// The same with this many groups.
    pub fn with_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// The same with this width multiplier.
    pub fn with_width(self, width: f64) -> Self {
        Self { width, ..self }
    }

    /// The same for inputs of this height and width.
    pub fn with_resolution(self, height: usize, width: usize) -> Self {
        Self { resolution: (height, width), ..self }
    }

    /// The same with this many classes.
    pub fn with_classes(self, classes: usize) -> Self {
        Self { classes, ..self }
    }

    /// The same with or without head.
    pub fn with_head(self, head: bool) -> Self {
        Self { head, ..self }
    }

    /// The same with these depthwise kernel sizes, one for each stage.
    pub fn with_kernel_conf(self, kernel_conf: [usize; 6]) -> Self {
        Self { kernel_conf, ..self }
    }

    /// Builds the network. Its name is the specification.
    ///
    /// # Errors
    /// If a parameter is out of range, or the family does not have it. The error names the parameter and its value.
    pub fn build(&self) -> Result<Network, ZooError> {
        self.check()?;
        (self.entry.build)(self).map_err(|fault| ZooError::Graph { network: self.to_string(), fault })
    }

    pub(super) fn check(&self) -> Result<(), ZooError> {
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

    pub(super) fn fault(&self, attribute: &'static str, value: impl fmt::Display, help: String) -> ZooError {
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

fn between<T: fmt::Debug>(range: &RangeInclusive<T>) -> String {
    format!("must be between {:?} and {:?}", range.start(), range.end())
}
