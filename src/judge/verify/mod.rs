//! Compiled programs against the f64 reference, layer by layer and as a whole.
//!
//! Each layer is judged twice: by what it made of the maps that it read, within a bound that is derived from the roundings of f32; and
//! by what the network's node must be, given the images, within what rounding in all layers before it explains.

mod compiled;
mod distance;
mod error;
mod judge;
mod layer;
mod network;
pub mod problem;
pub mod proof;
mod verdict;

pub use compiled::{check, images, of_image, verify};
pub use distance::Distance;
pub use error::VerifyError;
pub use network::drift;
pub use verdict::Verdict;
