//! How fast programs are, why, and what would be faster.

pub mod bench;
pub mod explain;
pub mod process;
pub mod search;
pub mod sweep;
mod trial;
