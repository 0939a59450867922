//! The fused operators, one file each. The file says everything that codegen needs to know of the operator: which maps it reads
//! and writes, what is fused into it, its problem line, its packed weights, its kernels and how a stage calls them, its cost, and
//! what there is to choose.

mod activate;
mod add;
mod binary;
pub mod choice;
mod constant;
mod conv;
mod depthwise;
pub mod digits;
mod elementwise;
pub mod filter;
mod layer_op;
pub mod line;
mod moved;
mod operator;
pub mod packed;
mod pool;
mod rearranged;
mod reduce;
mod shares;
pub mod site;
pub mod sliding;
mod winograd;

pub use activate::Activate;
pub use add::Add;
pub use binary::Binary;
pub use constant::Constant;
pub use conv::Conv;
pub use depthwise::Depthwise;
pub use layer_op::LayerOp;
pub use moved::Moved;
pub use operator::{Operator, Role, Way};
pub use pool::{Pool, PoolKind};
pub use rearranged::{Rearranged, lanes_of_blocks};
pub use reduce::Reduce;
pub use shares::Shares;
pub use winograd::{FromTiles, IntoTiles};
