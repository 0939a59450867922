//! Refuses what is too large to be planned.

use sartor_models::{Network, Padding, escape};

use crate::network::layers::Layers;

/// A network that cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It needs more memory than addresses can hold.
    #[error("the network needs more than {limit} f32 of {what} for a batch of {batch}: use a smaller batch, width or resolution")]
    TooLarge {
        /// The memory.
        what: &'static str,
        /// Images.
        batch: usize,
        /// The largest number of f32.
        limit: usize,
    },
    /// A window makes more code than rustc compiles in minutes.
    #[error(
        "layer '{}' has a window of {} by {} taps, for which rustc would compile kernels for hours: run the network by --engine generic, or split the window \
         into smaller ones",
        escape::line(layer), taps.0, taps.1
    )]
    WindowTooLarge {
        /// The layer.
        layer: String,
        /// Rows and columns of the window.
        taps: (usize, usize),
    },
    /// The batch has no images.
    #[error("batch is 0: use at least 1")]
    NoImages,
}

/// The largest number of f32 in a region: byte offsets are at most 16 times 2^31.
const MOST: usize = 1 << 33;

/// Checks that addresses can hold the input and the outputs of `batch` images.
///
/// # Errors
/// If `batch` is 0 or too large.
pub fn check_batch(network: &Network, batch: usize) -> Result<(), ScheduleError> {
    if batch == 0 {
        return Err(ScheduleError::NoImages);
    }
    let outputs = network.outputs().iter().map(|&id| network.node(id).shape.len()).sum();
    let fits = |len: usize| len.checked_mul(batch).is_some_and(|all| all <= MOST);
    let all_fit = fits(network.input_shape().len()) && fits(outputs);
    if all_fit { Ok(()) } else { Err(ScheduleError::TooLarge { what: "input and output", batch, limit: MOST }) }
}

/// About how many statements the kernels of a layer may have. rustc takes some minutes for as many.
const MOST_STATEMENTS: usize = 200_000;

/// Columns of a tile, at most.
const COLUMNS: usize = 28;

/// Checks that rustc can compile the kernels of all windows: all taps are written one by one, anew for each number of rows that meet the map.
pub(super) fn check_windows(layers: &Layers) -> Result<(), ScheduleError> {
    for layer in &layers.layers {
        let (window, dst) = (layer.op.window(), &layers[layer.dst()]);
        let padded = window.padding.0 != Padding::both(0);
        let forms = if padded { dst.h.min(window.kernel.0) } else { 1 };
        let all = window.kernel.0.checked_mul(window.kernel.1).and_then(|taps| taps.checked_mul(forms * dst.w.min(COLUMNS)));
        if all.is_none_or(|all| all > MOST_STATEMENTS) {
            return Err(ScheduleError::WindowTooLarge { layer: layer.name.clone(), taps: window.kernel });
        }
    }
    Ok(())
}

/// Checks that addresses can hold all maps of `batch` images.
pub(super) fn check_maps(layers: &Layers, batch: usize) -> Result<(), ScheduleError> {
    if batch == 0 {
        return Err(ScheduleError::NoImages);
    }
    let mut maps = layers.maps.iter().map(|map| map.h * map.w * map.pitch());
    let all = maps.try_fold(0usize, |sum, len| sum.checked_add(len.checked_mul(batch)?));
    if all.is_none_or(|all| all > MOST) {
        return Err(ScheduleError::TooLarge { what: "maps", batch, limit: MOST });
    }
    Ok(())
}
