//! ONNX files: the ONNX project's backend tests and trained networks, with their answers; exported networks of the zoo, read back;
//! damaged files. scripts/setup-onnx.sh installs what they need.

mod backend;
mod case;
#[path = "../common/mod.rs"]
mod common;
mod compiled;
mod examples;
mod models;
mod networks;
mod question;
mod zoo;
