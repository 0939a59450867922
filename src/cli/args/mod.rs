//! Arguments that several commands take.

pub mod dump;
pub mod engine;
pub mod input;
pub mod level;
pub mod picture;
pub mod preprocess;
pub mod source;
pub mod tensor;
pub mod tuning;
