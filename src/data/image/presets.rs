//! How pictures must be prepared for the weights that torchvision publishes.

use super::{Interpolation, Preprocess};

/// One of torchvision's sets of weights for a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// `IMAGENET1K_V1`
    TorchvisionV1,
    /// `IMAGENET1K_V2`
    TorchvisionV2,
}

/// torchvision has no such weights for the network.
#[derive(Debug, thiserror::Error)]
#[error("torchvision has no weights {} for {network}; it has them for {known}", preset.weights())]
pub struct NoPreset {
    /// The network.
    pub network: String,
    /// The weights.
    pub preset: Preset,
    /// The networks that it has such weights for.
    known: String,
}

use Interpolation::{Bicubic, Bilinear};
use Preset::{TorchvisionV1, TorchvisionV2};

/// The network, the weights, the sides of the squares to cover and to crop, and the interpolation.
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
    /// torchvision's name of the weights.
    pub fn weights(self) -> &'static str {
        match self {
            TorchvisionV1 => "IMAGENET1K_V1",
            TorchvisionV2 => "IMAGENET1K_V2",
        }
    }

    /// The steps for a network, which is named without its resolution: `mobilenet_v2_x1.0`, `efficientnet_b0`. The crop has the size at which
    /// torchvision measured the weights' accuracy, which may differ from the network's default.
    ///
    /// # Errors
    /// If torchvision has no such weights for the network.
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
