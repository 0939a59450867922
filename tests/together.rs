//! Networks compiled together: each is computed as if it were compiled alone, and kernels that several call are in the crate once.

mod common;

use common::own_cache;
use sartor::codegen::compile::together;
use sartor::codegen::schedule::Options;
use sartor::kernels::report;
use sartor::models::zoo::Spec;
use sartor::{Level, Model, Network, Tunings, Weights};

/// Two widths, and the first once more with other weights.
fn networks() -> Vec<(Network, Weights)> {
    let of = |(name, seed): (&str, u64)| {
        let network = name.parse::<Spec>().unwrap().build().unwrap();
        let weights = Weights::random(&network, seed);
        (network, weights)
    };
    [("mobilenet_v1_x0.05@32x32", 1), ("mobilenet_v1_x0.1@32x32", 2), ("mobilenet_v1_x0.05@32x32", 3)].map(of).into()
}

fn run(model: &Model) -> Vec<u32> {
    let mut output = vec![f32::NAN; model.program().output_len()];
    let input: Vec<f32> = (0..model.program().input_len()).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    model.session(1).unwrap().run(&input, &mut output).unwrap();
    output.into_iter().map(f32::to_bits).collect()
}

#[test]
fn networks_give_the_same_bits_together_and_alone() {
    own_cache();
    let (level, tunings) = (Level::best().unwrap(), Tunings::none());
    let networks = networks();
    let pairs: Vec<(&Network, &Weights)> = networks.iter().map(|(network, weights)| (network, weights)).collect();
    let models = Model::open_together(&pairs, level, &tunings).unwrap();
    assert_eq!(models.len(), 3);
    let together: Vec<Vec<u32>> = models.iter().map(run).collect();
    for ((network, weights), bits) in networks.iter().zip(&together) {
        assert_eq!(run(&Model::open_tuned(network, weights, level, 1, &tunings).unwrap()), *bits, "{}", network.name);
    }
    assert_ne!(together[0], together[2], "the same network with other weights");
    assert!(Model::open_together(&[], level, &tunings).unwrap().is_empty());
    report::checked(level.name(), 3, "networks compiled together");
}

#[test]
fn kernels_are_shared() {
    let networks = networks();
    let count = |networks: &[(Network, Weights)]| {
        let pairs: Vec<(&Network, &Weights)> = networks.iter().map(|(network, weights)| (network, weights)).collect();
        let files = together(&pairs, &Options::new(Level::Portable)).unwrap().files;
        let text = |name: &str| {
            let (_, bytes) = files.iter().find(|(path, _)| path.to_str() == Some(name)).unwrap();
            String::from_utf8(bytes.clone()).unwrap()
        };
        assert!(!text("src/portable/n0.rs").contains("inline(never)"), "kernels are above");
        text("src/portable.rs").matches("#[inline(never)]").count()
    };
    let [first, second, twins, all] =
        [&networks[..1], &networks[1..2], &[networks[0].clone(), networks[2].clone()], &networks].map(count);
    assert_eq!(twins, first);
    assert!(first.max(second) < all && all < first + second, "{first} and {second} are {all} together");
}
