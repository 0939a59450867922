//! Variants: different definitions of the same family.

use std::fmt;
use std::str::FromStr;

/// A definition of a family that has two, whose parameters have the same names and shapes. So weights do not show which variant
/// they were trained for. With weights of the other one, answers are wrong without an error.
///
/// | | [`Torch`](Self::Torch) | [`Tf`](Self::Tf) |
/// | --- | --- | --- |
/// | padding of a convolution of kernel k | k / 2 on all four sides | TensorFlow's `SAME`, [`Padding::same`](crate::Padding::same): at stride 2, less before than after, or none |
/// | `eps` of batch norms | 1e-5 | 1e-3 |
/// | whose weights | torchvision's; timm's `efficientnet_*` | Google's; timm's `tf_efficientnet_*` |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// PyTorch's definition.
    Torch,
    /// TensorFlow's definition.
    Tf,
}

impl Variant {
    /// All of them.
    pub const ALL: [Variant; 2] = [Variant::Torch, Variant::Tf];

    /// `torch` or `tf`, as in the names of networks.
    pub const fn name(self) -> &'static str {
        match self {
            Variant::Torch => "torch",
            Variant::Tf => "tf",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is not the name of a variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no variant '{0}': use torch or tf")]
pub struct UnknownVariant(String);

impl FromStr for Variant {
    type Err = UnknownVariant;

    fn from_str(name: &str) -> Result<Self, UnknownVariant> {
        Self::ALL.into_iter().find(|variant| variant.name() == name).ok_or_else(|| UnknownVariant(name.into()))
    }
}
