//! The oracles of the fuzz targets. Each takes bytes and panics if the code under test is wrong. They run on any toolchain, so the committed
//! inputs are replayed as tests. Only libFuzzer, which finds new inputs, needs nightly.

pub mod graph;
pub mod image;
pub mod kernel_name;
pub mod names;
pub mod npy;
pub mod onnx;
pub mod problem;
pub mod safetensors;
pub mod zoo_spec;

/// Reads bytes as choices. After the last byte, every choice is zero.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> usize {
        let (&first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(first)
    }

    /// The next byte, without taking it.
    fn peek(&self) -> usize {
        self.0.first().map_or(0, |&byte| usize::from(byte))
    }

    /// One of `0..n`.
    fn below(&mut self, n: usize) -> usize {
        self.byte() % n
    }
}
