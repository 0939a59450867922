//! Judges every committed input, and inputs made from them by a fixed seed, without libFuzzer: the same on every machine.

use std::fs;
use std::path::Path;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{RngCore, SeedableRng};

/// The longest input that is made, as in `scripts/fuzz.sh`.
const MOST_BYTES: usize = 4096;
/// Bytes at which readers decide something.
const SPECIAL: [u8; 8] = [0, 1, 7, 0x7f, 0x80, 0xff, b'0', b'/'];

/// The committed inputs of a target, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Numbers that depend on nothing but the seed.
struct Draw(Pcg32);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0.next_u32() as usize % n
    }

    /// A place in `bytes` and a length from there, of at most 16 bytes.
    fn piece(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(bytes.len() + 1);
        start..(start + self.below(17)).min(bytes.len())
    }

    /// One change of `data`, as fuzzers make them.
    fn change(&mut self, data: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let place = self.below(data.len().max(1));
        match (self.below(7), data.get_mut(place)) {
            (0, Some(byte)) => *byte ^= 1 << self.below(8),
            (1, Some(byte)) => *byte = SPECIAL[self.below(SPECIAL.len())],
            (2, Some(byte)) => *byte = self.below(256) as u8,
            (3, _) => drop(data.drain(self.piece(data))),
            (4, _) => data.truncate(place),
            (5, _) => {
                let piece = data[self.piece(data)].to_vec();
                data.splice(place..place, piece);
            }
            _ => {
                let other = &corpus[self.below(corpus.len())];
                let piece = &other[self.piece(other)];
                let end = (place + piece.len()).min(data.len());
                data.splice(place.min(end)..end, piece.iter().copied());
            }
        }
        data.truncate(MOST_BYTES);
    }
}

/// Judges the committed inputs, of which `least` must be valid and compared, and `made` inputs made from them.
fn replay(target: &str, judge: fn(&[u8]) -> bool, least: usize, made: usize) {
    let corpus = corpus(target);
    let taken = corpus.iter().filter(|data| judge(data)).count();
    let mut draw = Draw(Pcg32::seed_from_u64(1));
    let mut also_taken = 0;
    for _ in 0..made {
        let mut data = corpus[draw.below(corpus.len())].clone();
        for _ in 0..=draw.below(4) {
            draw.change(&mut data, &corpus);
        }
        let verdict = std::panic::catch_unwind(|| judge(&data));
        also_taken += usize::from(verdict.unwrap_or_else(|_| panic!("{target} fails for {:?}", data.escape_ascii().to_string())));
    }
    println!("{target}: {taken} of {} committed inputs and {also_taken} of {made} others were compared", corpus.len());
    assert!(taken >= least && also_taken > 0);
}

macro_rules! targets {
    ($($target:ident: $judge:path, $least:literal of the committed, $made:literal made;)*) => {
        $(#[test] fn $target() { replay(stringify!($target), $judge, $least, $made); })*
    };
}

targets! {
    kernel_name: sartor_fuzz::kernel_name::judge, 1 of the committed, 100_000 made;
    zoo_spec: sartor_fuzz::zoo_spec::judge, 1 of the committed, 20_000 made;
    safetensors: sartor_fuzz::safetensors::judge, 1 of the committed, 20_000 made;
    graph: sartor_fuzz::graph::judge, 8 of the committed, 500 made;
    onnx: sartor_fuzz::onnx::judge_bytes, 4 of the committed, 5_000 made;
    onnx_graph: sartor_fuzz::onnx::judge_grown, 4 of the committed, 2_000 made;
    names: sartor_fuzz::names::judge, 12 of the committed, 2_000 made;
    problem: sartor_fuzz::problem::judge, 12 of the committed, 5_000 made;
    npy: sartor_fuzz::npy::judge, 5 of the committed, 10_000 made;
    image: sartor_fuzz::image::judge, 12 of the committed, 5_000 made;
}
