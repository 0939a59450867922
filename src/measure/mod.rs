//! Measuring: how fast programs are, what limits them, and which other plans would be faster.

pub mod bench;
pub mod explain;
pub mod process;
pub mod search;
pub mod sweep;
