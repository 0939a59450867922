//! The layers that a Winograd convolution consists of, beside the products, which are a 1x1 convolution in groups.

mod from_tiles;
mod into_tiles;

pub use from_tiles::FromTiles;
pub use into_tiles::IntoTiles;
