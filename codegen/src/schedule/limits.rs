//! Refuses what is too large to be planned.

use sartor_models::Network;

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
