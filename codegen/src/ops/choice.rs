//! The choices that there are in computing a stage.

use serde::{Deserialize, Serialize};

use crate::lower::tile::Tile;

/// How the layers of one stage are computed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Choice {
    /// Depth first over strips of rows.
    Rows {
        /// Output rows of a unit.
        strip: usize,
        /// What is chosen for each layer.
        layers: Vec<LayerChoice>,
    },
    /// One convolution, split along its output lanes.
    Panels(PanelsChoice),
}

/// How a layer of a chain is computed. The cost model decides what is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerChoice {
    /// Output rows of a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// The register tile of a convolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tile: Option<Tile>,
    /// The largest number of columns of the register tile, for an operator that slides a window over each lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<usize>,
}

/// How a convolution is split along its output lanes. The cost model decides what is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelsChoice {
    /// Panels of a unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panels: Option<usize>,
    /// How many units ahead a 1x1 convolution's weights are fetched into the L2 cache; 0 if they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<usize>,
    /// The register tile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tile: Option<Tile>,
}

impl Choice {
    /// How many layers the choice is for.
    pub fn layers(&self) -> usize {
        match self {
            Choice::Rows { layers, .. } => layers.len(),
            Choice::Panels(_) => 1,
        }
    }

    /// The register tiles that were chosen.
    pub(crate) fn tiles(&self) -> Vec<Tile> {
        match self {
            Choice::Rows { layers, .. } => layers.iter().filter_map(|layer| layer.tile).collect(),
            Choice::Panels(how) => how.tile.into_iter().collect(),
        }
    }
}
