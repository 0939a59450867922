//! The commands, each in a file of its own.

pub mod bench;
pub mod compile;
pub mod explain;
pub mod export;
pub mod list;
pub mod process;
pub mod run;
pub mod show;
pub mod sweep;
pub mod tune;
pub mod verify;
