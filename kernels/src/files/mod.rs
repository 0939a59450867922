//! The files that a program reads and writes.
//!
//! The files here depend on nothing but `std` and on one another, through `super`: every generated program has a copy of them, so that
//! it takes the same inputs as `sartor run` and treats outputs alike.

mod header;
pub mod npy;
pub mod output;
