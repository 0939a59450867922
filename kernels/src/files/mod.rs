//! The files that a program reads and writes.
//!
//! This folder depends on nothing but `std` and is vendored, as it is, into every generated program, so that a program and
//! `sartor run` take the same inputs and treat outputs alike: modules here refer to one another through `super` only.

mod header;
pub mod npy;
pub mod output;
