//! Compiles networks in a build script.
//!
//! In `build.rs`:
//!
//! ```no_run
//! fn main() -> Result<(), sartor_build::BuildError> {
//!     sartor_build::compile("model.onnx")
//! }
//! ```
//!
//! In the code, [`include_network!`] makes a module of it:
//!
//! ```ignore
//! sartor_build::include_network!("model");
//!
//! let mut network = model::Model::new(1)?;
//! ```
//!
//! The crate stands in `Cargo.toml` twice, with what it needs to compile only where that is needed:
//!
//! ```toml
//! [dependencies]
//! sartor-build = { version = "0.1", default-features = false }
//!
//! [build-dependencies]
//! sartor-build = "0.1"
//! ```
//!
//! The network becomes part of the user's crate, which must be of edition 2024, and has its profile: where that does not optimise, the
//! network is many times slower.

#[cfg(feature = "compile")]
mod builder;
#[cfg(feature = "compile")]
mod error;
#[cfg(feature = "compile")]
mod module;

#[cfg(feature = "compile")]
pub use builder::{Builder, compile};
#[cfg(feature = "compile")]
pub use error::BuildError;

/// Makes a module of a network that the build script compiled under this name: `include_network!("model")` declares `pub mod model`, with
/// all that a crate which `sartor compile` writes has at its top, `Model` first.
#[macro_export]
macro_rules! include_network {
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $name, ".rs"));
    };
}
