//! Decides which layers run together, with which kernels, and where every map lies. The result is a [`Plan`](crate::plan::Plan).
//! Nothing is proven here.

pub mod alternatives;
mod arena;
mod blocks;
mod chain;
mod context;
mod cost;
mod limits;
mod moved;
mod options;
mod panel_rows;
mod panels;
mod partition;
mod rearrange;
mod rows;
mod stages;
#[cfg(test)]
mod tests;
mod trial;
pub mod tuning;

pub use limits::{ScheduleError, check_batch};
pub use options::Options;
pub use stages::{Schedule, plan};
pub use trial::trial;
