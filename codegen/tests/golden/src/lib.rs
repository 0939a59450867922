//! `golden`, compiled by Sartor 0.1.0 for portable, neon, avx2, avx512.
//!
//! Kernels hold no bounds checks: before they were written, every access of every call was proven to stay in its buffer.
//!
//! `cargo build --release` builds it, and so does rustc alone:
//!
//! ```sh
//! rustc --edition 2021 -C opt-level=3 -C codegen-units=1 --crate-type rlib --crate-name golden src/lib.rs
//! rustc --edition 2021 -C opt-level=3 -C codegen-units=1 --crate-name golden --extern golden=libgolden.rlib src/main.rs
//! ```
//!
//! In Rust:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let program = golden::best()?.ok_or("this CPU has none of the compiled levels")?;
//! let mut session = golden::runtime::Session::new(program, 1)?;
//! let (input, mut output) = (vec![0.0; program.input_len()], vec![0.0; program.output_len()]);
//! session.run(&input, &mut output)?;
//! # Ok(())
//! # }
//! ```

// Kernels take one pointer a row.
#![allow(clippy::too_many_arguments)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[allow(dead_code)]
pub mod runtime;
mod weights;

use runtime::{Level, Program};

/// The input's shape: images, channels, rows, columns. Values are f32 in this order.
pub const INPUT: [usize; 4] = [1, 3, 4, 4];

/// Names and shapes of the outputs, which follow one another.
pub const OUTPUTS: [(&str, [usize; 4]); 1] = [("fc", [1, 4, 1, 1])];

/// The program of a level, if it was compiled in.
pub fn program(level: Level) -> Option<&'static Program> {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => Some(&avx2::PROGRAM),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => Some(&avx512::PROGRAM),
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
    Ok(Level::allowed()?.into_iter().rev().find_map(program))
}
