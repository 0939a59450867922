//! ONNX files. Bytes are read or refused, without a panic and in bounded memory. An exported network that is read back computes what it
//! did before; changed in some bytes, it is read or refused too, and what is read can be run.

use sartor::judge::engines::ReferenceEngine;
use sartor_models::export;
use sartor_models::import::{ImportError, ImportOptions, Imported, onnx_bytes};
use sartor_models::{Network, Weights};

use crate::Choices;
use crate::graph::grow;

/// Multiply-adds that a network may have for its values to be compared: an input takes milliseconds.
const MOST_MACS: u64 = 200_000;
const MOST_ELEMENTS: usize = 20_000;
/// The reference rounds after every node, and a file may have other nodes. Sums near zero may be what is left of larger terms.
const TOLERANCE: f64 = 1e-4;

fn read(bytes: &[u8]) -> Result<Imported, ImportError> {
    onnx_bytes("fuzzed.onnx".as_ref(), bytes, &ImportOptions::default())
}

/// Reads the bytes as a file. Returns whether they are one.
pub fn judge_bytes(data: &[u8]) -> bool {
    read(data).is_ok_and(|imported| {
        run_read(&imported, &input(&imported.network));
        true
    })
}

/// Runs what is small enough.
fn run(network: &Network, weights: &Weights, input: &[f32]) -> Option<Vec<Vec<f32>>> {
    let small = network.macs() <= MOST_MACS && network.nodes().iter().all(|node| node.shape.len() <= MOST_ELEMENTS);
    small.then(|| ReferenceEngine::new(network, weights).ok()?.run(input, 1).ok()).flatten()
}

/// The same input for every network, in the order of the file.
fn input(network: &Network) -> Vec<f32> {
    (0..network.input_shape().len()).map(|i| (i % 7) as f32 / 3.0 - 1.0).collect()
}

/// Runs what was read, and returns the outputs in the order of the file.
fn run_read(imported: &Imported, tensor: &[f32]) -> Option<Vec<Vec<f32>>> {
    let Imported { network, weights, interface, .. } = imported;
    let outputs = run(network, weights, &interface.inputs[0].map_of(tensor))?;
    Some(interface.outputs.iter().zip(&outputs).map(|(port, map)| port.tensor_of(map)).collect())
}

/// Grows a network, exports it and reads it back, then again with some bytes changed. Returns whether values were compared.
pub fn judge_grown(data: &[u8]) -> bool {
    let mut choices = Choices(data);
    let seed = choices.byte() as u64;
    let changes = choices.below(4);
    let places: Vec<(usize, u8)> = (0..changes).map(|_| (choices.byte() << 8 | choices.byte(), choices.byte() as u8)).collect();
    let Some(network) = grow(&mut choices) else { return false };
    let weights = Weights::random(&network, seed);
    let Ok(mut bytes) = export::onnx(&network, &weights, 1) else { return false };
    let compared = match read(&bytes) {
        Ok(imported) => compare(&network, &weights, &imported),
        // Not all moves of elements are read.
        Err(ImportError::Unsupported { .. }) => false,
        Err(error) => panic!("an exported network is refused: {error}"),
    };
    for (place, value) in places {
        let len = bytes.len();
        bytes[place % len] ^= value;
    }
    judge_bytes(&bytes);
    compared
}

fn compare(network: &Network, weights: &Weights, imported: &Imported) -> bool {
    let tensor = input(network);
    let (Some(ours), Some(theirs)) = (run(network, weights, &tensor), run_read(imported, &tensor)) else { return false };
    assert_eq!(ours.len(), theirs.len());
    for (a, b) in ours.iter().zip(&theirs) {
        assert_eq!(a.len(), b.len(), "{:?} was read as {:?}", ops(network), ops(&imported.network));
        let largest = a.iter().fold(0.1, |max: f64, &x| max.max(f64::from(x).abs()));
        if !largest.is_finite() || largest > 1e9 {
            return false;
        }
        for (i, (&x, &y)) in a.iter().zip(b).enumerate() {
            let error = (f64::from(x) - f64::from(y)).abs();
            assert!(
                error <= TOLERANCE * largest || (x.is_nan() && y.is_nan()),
                "value {i}: {x} and {y}, of up to {largest}; {:?} was read as {:?}",
                ops(network),
                ops(&imported.network)
            );
        }
    }
    true
}

/// The operators of a network and what they read.
fn ops(network: &Network) -> Vec<String> {
    network.nodes().iter().map(|node| format!("{:?} {:?} {}", node.op, node.inputs, node.shape)).collect()
}
