//! The trained digits network: compiled programs give PyTorch's answer for every held-out picture.

mod common;

use safetensors::SafeTensors;
use sartor::data::guess::top;
use sartor::data::image::{Picture, Preprocess};
use sartor::judge::engines::GenericEngine;
use sartor::kernels::report;
use sartor::models::Scores;
use sartor::models::zoo::Spec;
use sartor::{Level, Model, Network, Weights};

const PICTURES: usize = 360;
/// Number of pictures that PyTorch classified correctly. The training script prints it.
const RIGHT: usize = 358;
/// Largest difference between logits of about 10, after 30 convolutions in f32 that sum in another order.
const TOLERANCE: f32 = 1e-3;

struct HeldOut {
    /// NCHW, one after another.
    inputs: Vec<Vec<f32>>,
    labels: Vec<i32>,
    predictions: Vec<i32>,
    logits: Vec<f32>,
}

fn held_out() -> HeldOut {
    let bytes = std::fs::read("examples/digits/test.safetensors").unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let words = |name: &str| file.tensor(name).unwrap().data().as_chunks::<4>().0.to_vec();
    let integers = |name: &str| words(name).into_iter().map(i32::from_le_bytes).collect::<Vec<_>>();
    let preprocess = Preprocess::symmetric(32, 32);
    let input = |grey: &[u8]| {
        let rgb = grey.iter().flat_map(|&value| [value; 3]).collect();
        preprocess.apply(Picture::rgb(32, 32, rgb).unwrap()).unwrap()
    };
    HeldOut {
        inputs: file.tensor("images").unwrap().data().chunks_exact(32 * 32).map(input).collect(),
        labels: integers("labels"),
        predictions: integers("predictions"),
        logits: words("logits").into_iter().map(f32::from_le_bytes).collect(),
    }
}

fn digits() -> (Network, Weights) {
    let network = "rexnet_digits".parse::<Spec>().unwrap().build().unwrap();
    let weights = Weights::load("examples/digits/rexnet_digits.safetensors", &network, Default::default()).unwrap();
    (network, weights)
}

/// Compares an engine's logits of all held-out pictures with PyTorch's.
fn check(what: &str, held_out: &HeldOut, logits: &[f32]) {
    assert_eq!(logits.len(), held_out.logits.len());
    let errors = logits.iter().zip(&held_out.logits).map(|(ours, theirs)| (ours - theirs).abs());
    let worst = errors.fold(0.0, |worst: f32, error| if error.is_nan() { f32::INFINITY } else { worst.max(error) });
    assert!(worst <= TOLERANCE, "{what}: logits differ by {worst}");
    let ours: Vec<i32> = logits.chunks_exact(10).map(|scores| top(Scores::Logits, scores, 1)[0].class as i32).collect();
    assert_eq!(ours, held_out.predictions, "{what}");
    let right = ours.iter().zip(&held_out.labels).filter(|(ours, label)| ours == label).count();
    assert_eq!((ours.len(), right), (PICTURES, RIGHT), "{what}");
    println!("{what}: {right} of {PICTURES} right, logits within {worst:.1e} of PyTorch's");
}

#[test]
fn compiled_answers_are_pytorchs() {
    common::own_cache();
    let (held_out, (network, weights)) = (held_out(), digits());
    for level in Level::ALL {
        if !report::can_run(level, "the trained digits") {
            continue;
        }
        let model = Model::open(&network, &weights, level).unwrap();
        for batch in [1, 8] {
            let mut session = model.session(1).unwrap();
            let mut logits = vec![0.0; held_out.logits.len()];
            for (inputs, logits) in held_out.inputs.chunks_exact(batch).zip(logits.chunks_exact_mut(10 * batch)) {
                session.run(&inputs.concat(), logits).unwrap();
            }
            check(&format!("{level}, batch {batch}"), &held_out, &logits);
        }
    }
}

#[test]
fn the_generic_engine_agrees() {
    let (held_out, (network, weights)) = (held_out(), digits());
    let mut engine = GenericEngine::new(&network, &weights, Level::best().unwrap()).unwrap();
    let logits = engine.run(&held_out.inputs.concat(), PICTURES).unwrap().concat();
    check("generic", &held_out, &logits);
}
