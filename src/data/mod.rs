//! What networks read and what they say: pictures, arrays, the names of classes; and networks as files for others.

pub mod export;
pub mod image;
pub mod labels;
pub mod npy;
