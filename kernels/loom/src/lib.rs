//! `kernels/src/runtime/{threads,units,wait}.rs` on loom's types, and mutants of them; see build.rs.

#![allow(missing_docs, dead_code, clippy::all)]

include!(concat!(env!("OUT_DIR"), "/runtime.rs"));
