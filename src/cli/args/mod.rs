//! Arguments that several commands take.

pub mod engine;
pub mod level;
pub mod picture;
pub mod preprocess;
pub mod source;
pub mod tuning;
