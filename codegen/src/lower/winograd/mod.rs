//! Winograd's transforms of tiles. Between them lies a 1x1 convolution in groups, one group for each element of a tile.

pub mod from_tiles;
pub mod into_tiles;
mod transform;

pub use from_tiles::FromTiles;
pub use into_tiles::IntoTiles;
