//! Kernel names. A kernel's name is its specification. Names are printed and parsed here alone.
//!
//! `family[_tile][_field..][_word..]_level`, for example `pointwise_14x32_m196_k64_n384_relu6_avx512`. The fields that a name always has:
//!
//! | field | what it is |
//! | --- | --- |
//! | `m` | pixels of a call |
//! | `k`, `n` | input taps and output lanes of a convolution |
//! | `rows` | source rows that a call reads |
//! | `ow` | output columns |
//! | `c` | lanes |
//!
//! Other fields appear only where two kernels of one program would otherwise have the same name ([`tell_apart`]):
//!
//! | field | what it is |
//! | --- | --- |
//! | `sp`, `dp` | f32 from pixel to pixel of the source and of the destination |
//! | `ap` | the same of the map that is added |
//! | `ac` | lanes of the map that is added |
//! | `plane` | f32 from channel to channel of the user's images |
//! | `sw` | horizontal stride, where it is not the vertical one |
//! | `group`, `down` | output rows of a call, and the vertical stride |
//! | `top` | rows of the window above the source's first row |
//! | `iw`, `pad` | source columns, and columns of padding on the left |
//! | `ct`, `cb`, `cl`, `cr` | rows and columns of padding that an average counts: at the top, the bottom, the left and the right |
//! | `by` | pixels that are written for each that is read |
//! | `before`, `after` | pixels of zeros that are written in front and behind |
//! | `step` | f32 from the lanes of one copy of a pixel to those of the next |
//! | `last` | lanes of the last panel that hold channels |
//! | `ahead` | f32 of weights that are fetched for later |
//! | `n`, `ss`, `ds` | a loop over values that are moved: how many, and f32 from one to the next in the source and the destination |
//! | `clear` | lanes of a pixel that are set to zero |
//! | `lane`, `len` | a run of input lanes: the first, and how many |
//! | `panels`, `pixels` | a tile beside the first |

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use sartor_kernels::runtime::Level;
use sartor_ops::Activation;

/// A kernel's name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KernelName {
    /// `pointwise`, `depthwise3x3s2`, ...
    pub family: String,
    /// Sizes of the register tile: pixels or rows, then columns, then lanes.
    pub tile: Vec<usize>,
    /// Sizes by name, for example `("k", 64)`.
    pub fields: Vec<(String, usize)>,
    /// Fused operations, in order.
    pub words: Vec<String>,
    /// The level.
    pub level: Level,
}

/// A text that is not a valid kernel name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is not a kernel name: {reason}; write family[_tile][_field..][_word..]_level")]
pub struct NameError {
    /// The text.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

impl KernelName {
    /// A family at a level.
    pub fn new(family: &str, level: Level) -> Self {
        Self { family: family.into(), tile: Vec::new(), fields: Vec::new(), words: Vec::new(), level }
    }

    /// Adds a tile.
    #[must_use]
    pub fn tile(mut self, extents: &[usize]) -> Self {
        self.tile = extents.to_vec();
        self
    }

    /// Adds a size.
    #[must_use]
    pub fn field(mut self, name: &str, value: usize) -> Self {
        self.fields.push((name.into(), value));
        self
    }

    /// Adds fused operations.
    #[must_use]
    pub fn words(mut self, words: &[impl ToString]) -> Self {
        self.words.extend(words.iter().map(ToString::to_string));
        self
    }
}

/// Adds fields to kernels that have the same name, as few as tell them apart. `details[i]` holds the further fields of kernel
/// `i`. Kernels with the same details keep the same name.
pub fn tell_apart(names: &mut [KernelName], details: &[Vec<(&'static str, usize)>]) {
    let mut of_one_name: HashMap<KernelName, Vec<usize>> = HashMap::new();
    for (index, name) in names.iter().enumerate() {
        of_one_name.entry(name.clone()).or_default().push(index);
    }
    for group in of_one_name.into_values() {
        let longest = group.iter().map(|&kernel| details[kernel].len()).max().unwrap_or(0);
        let (mut chosen, mut distinct) = (Vec::new(), 1);
        for position in 0..longest {
            chosen.push(position);
            let told: HashSet<Vec<_>> = group.iter().map(|&kernel| pick(&details[kernel], &chosen)).collect();
            if told.len() > distinct {
                distinct = told.len();
            } else {
                chosen.pop();
            }
        }
        for kernel in group {
            let fields = pick(&details[kernel], &chosen).into_iter().flatten();
            names[kernel].fields.extend(fields.map(|(field, value)| (field.to_string(), value)));
        }
    }
}

fn pick(details: &[(&'static str, usize)], positions: &[usize]) -> Vec<Option<(&'static str, usize)>> {
    positions.iter().map(|&position| details.get(position).copied()).collect()
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
        write!(f, "_{}", self.level)
    }
}

/// Whether a part of a name is a fused operation. Otherwise `relu6` would read as a size.
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
                parsed.tile = extents.map_err(|()| fail("its tile is not a product of sizes"))?;
            } else if let Some(at) = split.filter(|&at| at > 0) {
                let value = number(&part[at..]).map_err(|()| fail("a size is not a number"))?;
                parsed.fields.push((part[..at].into(), value));
            } else {
                return Err(fail(&format!("'{part}' is not a tile, a size or an operation")));
            }
        }
        // A name with parts out of order, or with leading zeros, is not what would be printed.
        if parsed.to_string() == name { Ok(parsed) } else { Err(fail("its parts are not in order")) }
    }
}

fn number(text: &str) -> Result<usize, ()> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().map_err(|_| ()) } else { Err(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_the_fields_that_tell_their_kernels_apart_and_no_others() {
        let name = |m| KernelName::new("pointwise", Level::Avx2).field("m", m).words(&["relu"]);
        let mut names = [name(49), name(7), name(49), name(49), name(49)];
        let details = [(64, 128, 16), (64, 128, 16), (64, 64, 16), (96, 64, 16), (64, 64, 16)]
            .map(|(sp, dp, ap)| vec![("ap", ap), ("sp", sp), ("dp", dp)]);
        tell_apart(&mut names, &details);
        let printed = names.map(|name| name.to_string());
        let expected = ["49_sp64_dp128", "7", "49_sp64_dp64", "49_sp96_dp64", "49_sp64_dp64"];
        assert_eq!(printed, expected.map(|fields| format!("pointwise_m{fields}_relu_avx2")));
    }

    #[test]
    fn a_list_that_ends_earlier_is_told_from_a_longer_one() {
        let name = KernelName::new("pointwise", Level::Portable);
        let mut names = [name.clone(), name];
        tell_apart(&mut names, &[vec![("lane", 0), ("len", 4)], vec![("lane", 0), ("len", 4), ("lane", 9)]]);
        assert_eq!(names.map(|name| name.to_string()), ["pointwise_portable", "pointwise_lane9_portable"]);
    }
}
