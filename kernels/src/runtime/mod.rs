//! What a compiled program needs while it runs: level detection, aligned memory, worker threads.
//!
//! The files here depend on nothing but `std` and on one another, through `super`: every generated crate has a copy of them.
//! No safe code can cause undefined behaviour with what is public here.

mod arena;
mod cores;
mod huge;
pub mod layout;
pub mod level;
mod program;
pub mod session;
mod threads;
mod units;
mod wait;
mod weights;

pub use arena::{Aligned, OutOfMemory};
pub use level::Level;
pub use program::{ABI, Context, Lengths, Program, Stage, StageFn};
pub use session::{Session, SessionError};
pub use units::Units;
