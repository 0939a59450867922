//! Inputs and outputs of networks: pictures, arrays and names of classes. And networks as ONNX files.

pub mod export;
pub mod guess;
pub mod image;
pub mod labels;
pub mod npy;
