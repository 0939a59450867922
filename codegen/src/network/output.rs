//! Results of the network: where the values of maps go in them.
//!
//! A map's way to the user is loops of copies with constant strides. So transposing and reshaping it on this way costs nothing.

#[cfg(feature = "interpret")]
use sartor_kernels::{reference, shape::Maps};
use sartor_models::NodeId;

use super::value::Value;
pub use crate::layout::{Loop, each};

/// A loop over values of an output: how many, and f32 from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stride {
    /// Iterations.
    pub count: usize,
    /// f32 from value to value.
    pub step: usize,
}

/// A map that is copied to an image of an output, value by value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The value of the map. Its lanes are `0..c` in order.
    pub value: Value,
    /// The place of its first value in the image.
    pub first: usize,
    /// From the outermost loop in.
    pub loops: Vec<Loop>,
}

/// A softmax in an image of an output, in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Softmax {
    /// Whether its logarithm is taken.
    pub log: bool,
    /// The place of the first row's first value.
    pub first: usize,
    /// The values of a row.
    pub row: Stride,
    /// The rows.
    pub rows: Vec<Stride>,
}

/// A result of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The node of the network.
    pub node: NodeId,
    /// f32 of an image.
    pub len: usize,
    /// What it is copied from. The pieces fill each image exactly once.
    pub pieces: Vec<Piece>,
    /// What follows, in order.
    pub softmaxes: Vec<Softmax>,
}

impl Output {
    /// An image of the output in f64, before softmaxes. `read` gives the f32 at a place of a piece's map.
    pub fn gather(&self, read: impl Fn(&Piece, usize) -> f64) -> Vec<f64> {
        let mut image = vec![f64::NAN; self.len];
        for piece in &self.pieces {
            each(&piece.loops, (0, piece.first), &mut |src, dst| image[dst] = read(piece, src));
        }
        image
    }
}

impl Softmax {
    /// The places of the values of each row.
    pub fn places(&self) -> Vec<Vec<usize>> {
        let loops: Vec<Loop> = self.rows.iter().map(|&Stride { count, step }| Loop { count, src: 0, dst: step }).collect();
        let mut all = Vec::new();
        each(&loops, (0, self.first), &mut |_, first| all.push((0..self.row.count).map(|i| first + i * self.row.step).collect()));
        all
    }

    /// The exact softmax of an image, in place.
    #[cfg(feature = "interpret")]
    pub fn apply(&self, image: &mut [f64]) {
        for places in self.places() {
            let row: Vec<f64> = places.iter().map(|&at| image[at]).collect();
            let exact = reference::softmax(&row, Maps::new(1, row.len(), 1, 1), self.log);
            places.into_iter().zip(exact).for_each(|(at, x)| image[at] = x);
        }
    }
}
