//! Networks and their weights, in the terms that users know: NCHW, and PyTorch's operators and parameter names.
//!
//! Nothing here depends on a machine. A [`Network`] is a validated graph with inferred shapes; [`Weights`] holds its named
//! tensors; [`zoo`] builds the networks of the project.

pub mod arithmetic;
pub mod escape;
pub mod export;
pub mod graph;
pub mod import;
pub mod input;
pub mod listing;
pub mod moves;
pub mod proto;
pub mod scores;
pub mod weights;
pub mod zoo;

pub use arithmetic::{Arithmetic, Spread};
pub use graph::{
    Activation, Builder, Conv2d, DepthOrder, GraphError, Network, Node, NodeId, Op, Padding, Param, Parameter, Rearrange,
    Reduction, Shape, Window,
};
pub use scores::Scores;
pub use weights::{Tensor, Weights};
