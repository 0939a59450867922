//! Reads, runs and compiles ONNX files: the backend tests of the ONNX project and trained networks, which come with right answers; Sartor's
//! own zoo, exported by `sartor export`; and damaged files. scripts/setup-onnx.sh installs the files that these tests need.

mod backend;
mod border;
mod case;
mod choices;
#[path = "../common/mod.rs"]
mod common;
mod compiled;
mod examples;
mod models;
mod networks;
mod places;
mod question;
mod unusual;
mod written;
mod zoo;
