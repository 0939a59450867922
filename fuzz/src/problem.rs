//! Problem lines. A line that parses prints as a line that parses to the same problem, and small problems are computed right. The error for
//! any other line says where in the text it fails.

use sartor::codegen::lab::{LayerLine, Problem};
use sartor_kernels::runtime::Level;

use crate::graph;

/// Largest numbers of multiply-accumulates and of values that are interpreted.
const MOST_WORK: u64 = 20_000;
/// Most channels of its images: to return them as they are takes a convolution of as many by as many.
const MOST_CHANNELS: usize = 64;

/// Reads the bytes as a line. Returns whether it was a problem.
pub fn judge(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    if let Ok(layer) = text.parse::<LayerLine>() {
        let line = layer.to_string();
        assert_eq!(line.parse::<LayerLine>().as_ref(), Ok(&layer), "{line}");
    }
    let problem = match text.parse::<Problem>() {
        Ok(problem) => problem,
        Err(error) => {
            assert!(text.is_char_boundary(error.at), "{error}");
            return false;
        }
    };
    let line = problem.to_string();
    let again: Problem = line.parse().unwrap();
    assert_eq!(again, problem);
    assert_eq!(again.to_string(), line);
    if problem.work() <= MOST_WORK && problem.network.input_shape().c <= MOST_CHANNELS {
        graph::compare(&problem, problem.level.unwrap_or(Level::Avx2));
    }
    true
}
