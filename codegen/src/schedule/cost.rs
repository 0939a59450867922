//! The cost model's estimate for a stage.

use super::options::Options;
use crate::network::layers::{LayerId, Layers};
use crate::ops::Way;
use crate::ops::choice::{Choice, LayerChoice};

/// A rough number of cycles for a stage's arithmetic. This is all that the cost model knows of a stage.
pub fn cycles(layers: &Layers, stage: &[LayerId], choice: &Choice, options: &Options) -> f64 {
    let of = |(at, &id): (usize, &LayerId)| {
        let layer = &layers[id];
        let dst = &layers[layer.dst()];
        let (how, strip) = match choice {
            Choice::Rows { strip, layers } => (layers[at], Some(*strip)),
            Choice::Panels(how) => (LayerChoice { rows: Some(dst.h), tile: how.tile, columns: None }, None),
        };
        layer.op.cycles(dst, &Way { level: options.level, how, strip })
    };
    options.batch as f64 * stage.iter().enumerate().map(of).sum::<f64>()
}
