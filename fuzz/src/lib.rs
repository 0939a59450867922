//! The oracles of the fuzz targets: each takes bytes and panics if what it judges is wrong. They run on any toolchain, so that
//! the corpora are replayed as tests; finding new inputs is libFuzzer's part.

pub mod graph;
pub mod image;
pub mod kernel_name;
pub mod names;
pub mod npy;
pub mod problem;
pub mod safetensors;
pub mod zoo_spec;

/// Bytes as choices; zeros once they are used up.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> usize {
        let (&first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(first)
    }

    /// The next byte, which stays.
    fn peek(&self) -> usize {
        self.0.first().map_or(0, |&byte| usize::from(byte))
    }

    /// One of `0..n`.
    fn below(&mut self, n: usize) -> usize {
        self.byte() % n
    }
}
