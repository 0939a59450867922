//! A small network, the options to compile it with, and the data to try it on, all in one line. A failing test prints such a
//! line, and `sartor verify --problem` replays it.
//!
//! ```text
//! level=avx2 threads=3 fuse=off seed=7 mb2ic3ih9iw9 conv_oc16kh3ph1_bias relu add@2,1
//! g1ic64oc384_ih14oh14kh1ph0_iw14ow14kw1pw0_n"features.8.expand"
//! ```
//!
//! The options come first, then a network (`network`), or one layer as reports print it (`layer`).

mod data;
mod draw;
pub mod layer;
mod network;
mod problem;
mod scan;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
mod tuning;

pub use crate::network::line::LayerLine;
pub use data::Data;
#[cfg(test)]
pub(crate) use data::noise;
pub use problem::Problem;
pub use sartor_ops::Winograd;
pub use scan::LineError;
pub use tuning::drawn as drawn_tuning;
