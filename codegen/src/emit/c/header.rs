//! Prints the header that declares the functions for C.

use sartor_kernels::runtime::Lengths;
use sartor_kernels::runtime::session::{MAX_THREADS, memory_len};
use sartor_models::Network;
use sartor_models::escape::code;

use super::super::fill::fill;
use super::RESERVED;
use super::identity::Identity;
use crate::plan::Plan;

/// Prints the header.
pub fn print(network: &Network, plans: &[Plan], batch: usize, identity: &Identity) -> String {
    let Identity { name, version, hash } = identity;
    let lengths = |plan: &Plan| Lengths { input: 0, output: 0, arena: plan.lengths.arena, scratch: plan.lengths.scratch };
    let memory = plans.iter().filter_map(|plan| memory_len(lengths(plan))).max().unwrap_or(0);
    let outputs: usize = network.outputs().iter().map(|&id| network.node(id).shape.len()).sum();
    // A name that ends a comment, or seems to begin another, is escaped.
    let about = format!("{}, compiled by Sartor {}.", code(&network.name), env!("CARGO_PKG_VERSION"))
        .replace("*/", "*\\u{2f}")
        .replace("/*", "/\\u{2a}");
    let values = [
        ("about", about.as_str()),
        ("net", name),
        ("upper", &name.to_uppercase()),
        ("version", version),
        ("hash", hash),
        ("max_threads", &MAX_THREADS.to_string()),
        ("input_length", &(batch * network.input_shape().len()).to_string()),
        ("output_length", &(batch * outputs).to_string()),
        ("memory_size", &(RESERVED + memory * size_of::<f32>()).to_string()),
    ];
    fill(include_str!("../template/header.h"), &values)
}
