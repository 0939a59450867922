//! What the published weights of torchvision want done to pictures.

use super::{Interpolation, Preprocess};

/// Which of torchvision's weights of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// `IMAGENET1K_V1`
    TorchvisionV1,
    /// `IMAGENET1K_V2`
    TorchvisionV2,
}

/// torchvision has no such weights.
#[derive(Debug, thiserror::Error)]
#[error("torchvision has no weights {} for {network}; it has them for {known}", preset.weights())]
pub struct NoPreset {
    /// The network.
    pub network: String,
    /// The weights.
    pub preset: Preset,
    /// The networks that have some.
    known: String,
}

use Interpolation::{Bicubic, Bilinear};
use Preset::{TorchvisionV1, TorchvisionV2};

/// Network, weights, sides of the squares to cover and to crop, interpolation.
const PRESETS: [(&str, Preset, usize, usize, Interpolation); 7] = [
    ("mobilenet_v2_x1.0", TorchvisionV1, 256, 224, Bilinear),
    ("mobilenet_v2_x1.0", TorchvisionV2, 232, 224, Bilinear),
    ("efficientnet_b0", TorchvisionV1, 256, 224, Bicubic),
    ("efficientnet_b1", TorchvisionV1, 256, 240, Bicubic),
    ("efficientnet_b1", TorchvisionV2, 255, 240, Bilinear),
    ("efficientnet_b2", TorchvisionV1, 288, 288, Bicubic),
    ("efficientnet_b3", TorchvisionV1, 320, 300, Bicubic),
];

impl Preset {
    /// What torchvision calls them.
    pub fn weights(self) -> &'static str {
        match self {
            TorchvisionV1 => "IMAGENET1K_V1",
            TorchvisionV2 => "IMAGENET1K_V2",
        }
    }

    /// The steps for a network, named without its resolution: `mobilenet_v2_x1.0`, `efficientnet_b0`. The crop is the size that the
    /// weights were measured at, not always the network's default.
    ///
    /// # Errors
    /// If there are no such weights of it.
    pub fn steps(self, network: &str) -> Result<Preprocess, NoPreset> {
        let found = PRESETS.iter().find(|(name, preset, ..)| *name == network && *preset == self);
        let &(_, _, cover, crop, interpolation) = found.ok_or_else(|| NoPreset {
            network: network.into(),
            preset: self,
            known: PRESETS.iter().filter(|entry| entry.1 == self).map(|entry| entry.0).collect::<Vec<_>>().join(", "),
        })?;
        Ok(Preprocess { cover: (cover, cover), interpolation, ..Preprocess::imagenet(crop, crop) })
    }
}
