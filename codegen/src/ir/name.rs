//! Kernel names: the name is the specification, printed and parsed here alone.
//!
//! `family[_tile][_field..][_word..][_vN]_level`, for example `pointwise_14x32_m196_k64_n384_relu6_avx512`.

use std::fmt;
use std::str::FromStr;

use sartor_kernels::runtime::Level;
use sartor_ops::Activation;

/// A kernel's name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KernelName {
    /// `pointwise`, `depthwise3x3s2`, ...
    pub family: String,
    /// Extents of the register tile: pixels or rows, then columns, then lanes.
    pub tile: Vec<usize>,
    /// Sizes by name, for example `("k", 64)`.
    pub fields: Vec<(String, usize)>,
    /// Fused operations, in order.
    pub words: Vec<String>,
    /// Tells apart kernels that differ in strides alone; 1 is not printed.
    pub version: usize,
    /// The level.
    pub level: Level,
}

/// A text that is no kernel name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is no kernel name: {reason}; write family[_tile][_field..][_word..][_vN]_level")]
pub struct NameError {
    /// The text.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

impl KernelName {
    /// A family at a level.
    pub fn new(family: &str, level: Level) -> Self {
        Self { family: family.into(), tile: Vec::new(), fields: Vec::new(), words: Vec::new(), version: 1, level }
    }

    /// With a tile.
    #[must_use]
    pub fn tile(mut self, extents: &[usize]) -> Self {
        self.tile = extents.to_vec();
        self
    }

    /// With a size.
    #[must_use]
    pub fn field(mut self, name: &str, value: usize) -> Self {
        self.fields.push((name.into(), value));
        self
    }

    /// With fused operations.
    #[must_use]
    pub fn words(mut self, words: &[impl ToString]) -> Self {
        self.words.extend(words.iter().map(ToString::to_string));
        self
    }
}

impl fmt::Display for KernelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.family)?;
        if !self.tile.is_empty() {
            let extents: Vec<String> = self.tile.iter().map(usize::to_string).collect();
            write!(f, "_{}", extents.join("x"))?;
        }
        for (name, value) in &self.fields {
            write!(f, "_{name}{value}")?;
        }
        for word in &self.words {
            write!(f, "_{word}")?;
        }
        if self.version > 1 {
            write!(f, "_v{}", self.version)?;
        }
        write!(f, "_{}", self.level)
    }
}

/// Whether a part of a name is a fused operation; `relu6` would otherwise read as a size.
fn is_word(part: &str) -> bool {
    ["blend", "add", "sums"].contains(&part) || Activation::parse(part).is_some()
}

impl FromStr for KernelName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let fail = |reason: &str| NameError { name: name.into(), reason: reason.into() };
        let (rest, level) = name.rsplit_once('_').ok_or_else(|| fail("it has one part"))?;
        let level = level.parse().map_err(|_| fail("it does not end in a level"))?;
        let mut parts = rest.split('_');
        let family = parts.next().filter(|family| family.starts_with(|c: char| c.is_ascii_lowercase()));
        let mut parsed = KernelName::new(family.ok_or_else(|| fail("it does not begin with a family"))?, level);
        for (index, part) in parts.enumerate() {
            let split = part.find(|c: char| c.is_ascii_digit());
            if is_word(part) {
                parsed.words.push(part.into());
            } else if index == 0 && split == Some(0) {
                let extents: Result<Vec<usize>, _> = part.split('x').map(number).collect();
                parsed.tile = extents.map_err(|()| fail("its tile is no product of sizes"))?;
            } else if let Some(at) = split.filter(|&at| at > 0) {
                let value = number(&part[at..]).map_err(|()| fail("a size is no number"))?;
                match &part[..at] {
                    "v" if value > 1 => parsed.version = value,
                    field => parsed.fields.push((field.into(), value)),
                }
            } else {
                return Err(fail(&format!("'{part}' is no tile, size or operation")));
            }
        }
        // What is out of order or written with leading zeros is not what would be printed.
        if parsed.to_string() == name { Ok(parsed) } else { Err(fail("its parts are not in order")) }
    }
}

fn number(text: &str) -> Result<usize, ()> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().map_err(|_| ()) } else { Err(()) }
}
