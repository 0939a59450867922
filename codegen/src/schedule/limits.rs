//! What is too large to be planned.

use sartor_models::Network;

use crate::network::layers::Layers;

/// A network that cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Memory beyond what addresses can hold.
    #[error("the network needs more than {limit} f32 of {what} for a batch of {batch}: use a smaller batch, width or resolution")]
    TooLarge {
        /// The memory.
        what: &'static str,
        /// Images.
        batch: usize,
        /// Most f32.
        limit: usize,
    },
    /// A batch of none.
    #[error("batch is 0: use at least 1")]
    NoImages,
}

/// Most f32 of any region: byte offsets stay within 31 bits times 16.
const MOST: usize = 1 << 33;

/// Checks that addresses can hold the input and the outputs of so many images.
///
/// # Errors
/// If there is none, or there are too many.
pub fn check_batch(network: &Network, batch: usize) -> Result<(), ScheduleError> {
    if batch == 0 {
        return Err(ScheduleError::NoImages);
    }
    let outputs = network.outputs().iter().map(|&id| network.node(id).shape.len()).sum();
    let fits = |len: usize| len.checked_mul(batch).is_some_and(|all| all <= MOST);
    let all_fit = fits(network.input_shape().len()) && fits(outputs);
    if all_fit { Ok(()) } else { Err(ScheduleError::TooLarge { what: "input and output", batch, limit: MOST }) }
}

/// Checks that addresses can hold all maps of so many images.
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
