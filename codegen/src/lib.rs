//! From a network and its weights to a specialised program.

pub mod layer;
