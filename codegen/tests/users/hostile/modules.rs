// refused: E0603
//! Reaches for what is behind the runtime's public names.
#![forbid(unsafe_code)]
use golden::portable::PROGRAM;
use golden::runtime::arena::Aligned;
use golden::runtime::program::Program;
use golden::runtime::units::Share;
use golden::runtime::wait::Progress;
use golden::weights::WEIGHTS;

fn main() {}
