//! `golden`, compiled by Sartor 0.1.0 for portable, neon, avx2, avx512.
//!
//! A [`Model`] runs it:
//!
//! ```
//! use golden::{INPUT_LEN, Model, OUTPUT_LEN};
//!
//! # fn main() -> Result<(), golden::ModelError> {
//! let mut model = Model::new(1)?; // one thread
//! let input = vec![0.0; INPUT_LEN]; // what INPUT says, in this order
//! let mut output = vec![0.0; OUTPUT_LEN];
//! model.run(&input, &mut output)?; // as often as needed
//! # Ok(())
//! # }
//! ```
//!
//! A [`Pool`] of models answers many threads at once. Below a model lie the [`Program`] of each level and the [`Session`](runtime::Session) that runs one, for runners of your own.
//!
//! Kernels check no bounds: before they were written, every access of every call was proven to stay in its buffer.
//!
//! `cargo build --release` builds the crate, and so does rustc alone:
//!
//! ```sh
//! rustc --edition 2024 -C opt-level=3 -C codegen-units=1 --crate-type rlib --crate-name golden src/lib.rs
//! rustc --edition 2024 -C opt-level=3 -C codegen-units=1 --crate-name golden --extern golden=libgolden.rlib src/main.rs
//! ```

// Kernels take one pointer a row, and go along several arrays at once.
#![allow(clippy::too_many_arguments, clippy::needless_range_loop)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod model;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pool;
mod portable;
pub mod runtime;
mod weights;

pub use model::{Model, ModelError};
pub use pool::{Pool, PoolModel};
pub use runtime::{Level, Program};

/// The input's shape: images, channels, rows, columns. Values are f32 in this order.
pub const INPUT: [usize; 4] = [1, 3, 4, 4];

/// Names and shapes of the inputs: images, channels, rows, columns. Those of an image follow one another.
pub const INPUTS: [(&str, [usize; 4]); 1] = [("input", [1, 3, 4, 4])];

/// Values of the input.
pub const INPUT_LEN: usize = 48;

/// Names and shapes of the outputs, which follow one another.
pub const OUTPUTS: [(&str, [usize; 4]); 1] = [("fc", [1, 4, 1, 1])];

/// Values of all outputs together.
pub const OUTPUT_LEN: usize = 4;

/// The levels that were compiled in, the best first. Those of another architecture are left out when this crate is built.
pub const LEVELS: [Level; 4] = [Level::Avx512, Level::Avx2, Level::Neon, Level::Portable];

/// The program of a level, if it was compiled in.
pub fn program(level: Level) -> Option<&'static Program> {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => Some(&avx512::PROGRAM),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => Some(&avx2::PROGRAM),
        #[cfg(target_arch = "aarch64")]
        Level::Neon => Some(&neon::PROGRAM),
        Level::Portable => Some(&portable::PROGRAM),
        #[allow(unreachable_patterns)]
        _ => None,
    }
}

/// The program of the best level that this CPU can run and `SARTOR_MAX_LEVEL` allows.
///
/// # Errors
/// If the variable holds something that is not a level.
pub fn best() -> Result<Option<&'static Program>, runtime::level::UnknownLevel> {
    let cap = Level::cap()?;
    Ok(Level::ALL.into_iter().rev().filter(|&level| level <= cap && level.is_available()).find_map(program))
}
