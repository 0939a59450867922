//! Compiled programs compute the interpreter's bits, at every level of this machine, on any number of threads, for one image and for several.
//!
//! Levels that fuse (avx512, avx2, neon) give the same bits as each other too: tiles differ, but each output's sum runs over its
//! taps in one order, a mean has the same four chains everywhere, and activations are the same multiply-adds. The portable level rounds
//! products, so it gives other bits, which must be near.

mod common;

use sartor::codegen::compile::plan;
use sartor::codegen::interpret;
use sartor::codegen::network::normalize;
use sartor::codegen::network::pack;
use sartor::codegen::schedule::Options;
use sartor::judge::verify::of_image;
use sartor::kernels::report;
use sartor::models::zoo;
use sartor::{Level, Model, Network, Weights};

/// Networks, and whether they also run on three images.
const NETWORKS: [(&str, bool); 5] = [
    ("rexnet_digits", true),
    ("shufflenet_v1_g3@64x64", true),
    ("mobilenet_v2_x0.35@96x64", true),
    ("rexnet_x1.0@48x64", false),
    ("efficientnet_b0@64x64", false),
];

/// Largest difference between the portable level and the others, relative to the largest output: f32 rounding over a few dozen layers.
const NEAR: f32 = 1e-4;

fn network(name: &str) -> Network {
    name.parse::<zoo::Spec>().unwrap().build().unwrap()
}

fn images(len: usize) -> Vec<f32> {
    // Weyl's sequence: spread evenly over -2..2.
    (1..=len as u32).map(|i| i.wrapping_mul(2_654_435_769) as f32 / (1u32 << 30) as f32 - 2.0).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn assert_same(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    assert!(want.iter().all(|x| x.is_finite()) && want.iter().any(|&x| x != want[0]), "{what}: {:?}", &want[..10]);
    let differ: Vec<usize> = (0..got.len()).filter(|&i| got[i].to_bits() != want[i].to_bits()).collect();
    assert!(
        differ.is_empty(),
        "{what}: {} of {} values differ, the first at {}: {:e}, not {:e}",
        differ.len(),
        got.len(),
        differ[0],
        got[differ[0]],
        want[differ[0]]
    );
}

fn compiled_is_interpreted(level: Level) {
    common::own_cache();
    if !report::can_run(level, "compiled programs") {
        return;
    }
    let mut checks = 0;
    for (name, several) in NETWORKS {
        let network = network(name);
        let weights = Weights::random(&network, 1);
        let packed = pack::pack(&normalize::normalize(&network, &weights).unwrap());
        let model = Model::open(&network, &weights, level).unwrap();
        let program = &model.planned().plan;
        for batch in if several { vec![1, 3] } else { vec![1] } {
            let input = images(batch * network.input_shape().len());
            let images: Vec<&[f32]> = input.chunks_exact(network.input_shape().len()).collect();
            let interpreted = |threads| -> Vec<Vec<f32>> {
                images.iter().map(|image| interpret::plan(program, &packed.data, image, threads).1).collect()
            };
            let want = interpreted(1);
            for threads in [1, 2, 3, 4] {
                let what = format!("{name} at {level}, batch {batch}, {threads} threads");
                let mut got = vec![f32::NAN; want.concat().len()];
                let mut session = model.session(threads).unwrap();
                // The second run shows that the first left nothing behind.
                for _ in 0..2 {
                    session.run(&input, &mut got).unwrap();
                    for (index, want) in want.iter().enumerate() {
                        assert_same(&of_image(&network, &got, batch, index), want, &what);
                    }
                    checks += 1;
                }
                for (interpreted, want) in interpreted(threads).iter().zip(&want) {
                    assert_same(interpreted, want, &format!("{what}, interpreted"));
                }
            }
        }
    }
    report::checked(level.name(), checks, "compiled against interpreted, bit for bit");
}

#[test]
fn avx512_gives_the_interpreters_bits() {
    compiled_is_interpreted(Level::Avx512);
}

#[test]
fn avx2_gives_the_interpreters_bits() {
    compiled_is_interpreted(Level::Avx2);
}

#[test]
fn portable_gives_the_interpreters_bits() {
    compiled_is_interpreted(Level::Portable);
}

#[test]
fn neon_gives_the_interpreters_bits() {
    compiled_is_interpreted(Level::Neon);
}

#[test]
fn levels_that_fuse_give_the_same_bits() {
    for (name, _) in NETWORKS {
        let network = network(name);
        let weights = Weights::random(&network, 1);
        let layers = normalize::normalize(&network, &weights).unwrap();
        let packed = pack::pack(&layers);
        let input = images(network.input_shape().len());
        let run = |level| {
            let plan = plan(&layers, &packed, &Options::new(level)).unwrap();
            interpret::plan(&plan, &packed.data, &input, 1).1
        };
        let want = run(Level::Avx512);
        for level in [Level::Avx2, Level::Neon] {
            assert_same(&run(level), &want, &format!("{name}: {level} against avx512"));
        }
        let portable = run(Level::Portable);
        let largest = want.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        assert!(portable.iter().zip(&want).all(|(a, b)| (a - b).abs() <= NEAR * largest), "{name}: portable is far from avx512");
        assert_ne!(bits(&portable), bits(&want), "{name}: portable does not fuse, so it must round differently somewhere");
    }
}
