//! Sartor cuts a program to measure for a light convolutional network.

pub use sartor_codegen as codegen;
pub use sartor_kernels as kernels;
pub use sartor_models as models;
