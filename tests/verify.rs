//! Compiled programs pass `verify` at every level of this machine. A program with other weights does not.

mod common;

use std::path::Path;

use sartor::judge::verify::{Verdict, check, images};
use sartor::kernels::report::checked;
use sartor::models::Tensor;
use sartor::models::weights::LoadOptions;
use sartor::models::zoo::Spec;
use sartor::{Level, Model, Network, Weights};

fn build(spec: &str) -> Network {
    spec.parse::<Spec>().unwrap().build().unwrap()
}

fn wrong(verdicts: &[Verdict]) -> Vec<&Verdict> {
    verdicts.iter().filter(|verdict| !verdict.holds()).collect()
}

fn passes_everywhere(network: &Network, weights: &Weights, batches: &[usize]) {
    common::own_cache();
    for level in Level::allowed().unwrap() {
        let model = Model::open(network, weights, level).unwrap();
        for &batch in batches {
            let verdicts = check(&model, network, weights, &images(network, batch, 1)).unwrap();
            let what = format!("{} in a batch of {batch}", network.name);
            let wrong = wrong(&verdicts);
            assert!(wrong.is_empty(), "{what} at {level}: {wrong:#?}");
            let worst = |part: fn(&Verdict) -> f64| verdicts.iter().map(part).fold(0.0, f64::max);
            let (layer, network) = (worst(|v| v.layer.ratio()), worst(|v| v.network.ratio()));
            println!("{what} at {level}: layers to {layer:.2}, nodes to {network:.2} of their bounds");
            checked(level.name(), 2 * verdicts.len(), &format!("verify {what}"));
        }
    }
}

fn digits() -> (Network, Weights) {
    let network = build("rexnet_digits");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/digits/rexnet_digits.safetensors");
    let weights = Weights::load(&path, &network, LoadOptions::default()).unwrap();
    (network, weights)
}

macro_rules! networks {
    ($($name:ident: $spec:literal $batches:expr;)*) => {
        $(#[test] fn $name() {
            let network = build($spec);
            passes_everywhere(&network, &Weights::random(&network, 1), &$batches);
        })*
    };
}

networks! {
    mobilenet_v2: "mobilenet_v2_x1.0@64x64" [1];
    mobilenet_v2_of_odd_size: "mobilenet_v2_x0.5@37x53" [3];
    rexnet: "rexnet_x1.0@37x53" [1, 3];
    rexnet_plain: "rexnet_plain@64x64" [1];
    shufflenet: "shufflenet_v1_g3_x1.0@37x53" [1, 3];
    efficientnet: "efficientnet_b0@64x64" [1];
    efficientnet_of_tensorflow: "efficientnet_b0_tf@64x64" [1];
    efficientnet_of_tensorflow_of_odd_size: "efficientnet_b0_tf_x0.5@37x54" [3];
}

#[test]
fn trained_digits() {
    let (network, weights) = digits();
    passes_everywhere(&network, &weights, &[1, 3]);
}

/// A copy of `weights` in which one weight of every filter of tensor `name` is 1 % larger: the middle of its window over an input
/// channel that differs from filter to filter, as a filter may be dead or a channel zero.
fn with_some_changed(network: &Network, weights: &Weights, name: &str) -> Weights {
    let mut changed = Weights::default();
    for param in network.params() {
        let mut data = weights.get(&param.name).unwrap().data().to_vec();
        if param.name == name {
            let window: usize = param.shape[2..].iter().product();
            for (o, filter) in data.chunks_exact_mut(param.shape[1] * window).enumerate() {
                filter[o % param.shape[1] * window + window / 2] *= 1.01;
            }
        }
        changed.insert(param.name, Tensor::new(param.shape, data));
    }
    changed
}

#[test]
fn a_program_of_other_weights_fails_where_they_differ() {
    common::own_cache();
    let (network, weights) = digits();
    let input = images(&network, 1, 1);
    for level in Level::allowed().unwrap() {
        let model = Model::open(&network, &weights, level).unwrap();
        let mut found = 0;
        for param in network.params().into_iter().filter(|param| param.shape.len() > 1) {
            let changed = with_some_changed(&network, &weights, &param.name);
            let verdicts = check(&model, &network, &changed, &input).unwrap();
            let names: Vec<&str> = verdicts.iter().filter(|v| !v.layer.holds()).map(|v| v.name.as_str()).collect();
            assert_eq!(names, [param.name.trim_end_matches(".weight")]);
            found += 1;
        }
        assert!(found > 40, "{found} tensors");
        checked(level.name(), found, "verify against other weights");
    }
}
