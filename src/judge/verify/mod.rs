//! Compares compiled programs with the f64 reference, layer by layer and as a whole.
//!
//! Each layer is checked twice. First, its result is compared with what the exact operator makes of the same sources; the bound on the error
//! is derived from the roundings of f32. Second, its result is compared with the exact value of the network's node for these images; here the
//! bound covers the roundings of all layers before it.

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
