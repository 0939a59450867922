//! One file a command.

pub mod bench;
pub mod compile;
pub mod explain;
pub mod export;
pub mod list;
pub mod process;
mod proof;
pub mod run;
pub mod show;
pub mod sweep;
pub mod tune;
pub mod verify;
