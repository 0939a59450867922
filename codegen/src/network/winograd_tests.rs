//! Winograd convolutions through the interpreter, against the network's definition in f64.

use sartor_kernels::reference::{self, bound};
use sartor_kernels::runtime::Level;
use sartor_kernels::shape::{Conv as Shape, Maps};
use sartor_models::{Op, Weights, zoo};

use crate::compile;
use crate::interpret;
use crate::lab::{Problem, Winograd};
use crate::network::layers::{LayerId, LayerOp, Normalized};
use crate::network::normalize::normalize;
use crate::network::pack::pack;
use crate::network::winograd;
use crate::schedule::Options;

/// How many layers were split.
fn split(layers: &Normalized) -> usize {
    layers.layers.iter().filter(|layer| matches!(layer.op, LayerOp::FromTiles(_))).count()
}

/// The network's output in f64, by plain loops over its nodes: a chain of convolutions, activations and a sum.
fn exact(problem: &Problem, weights: &Weights, images: &[f32]) -> Vec<f64> {
    let mut values: Vec<Vec<f64>> = Vec::new();
    for (id, node) in problem.network.ids().zip(problem.network.nodes()) {
        let input = |i: usize| &values[node.inputs[i].0];
        let maps = |i: usize| {
            let shape = problem.network.node(node.inputs[i]).shape;
            Maps::new(problem.batch, shape.c, shape.h, shape.w)
        };
        let value = match node.op {
            Op::Input => images.iter().map(|&x| x.into()).collect(),
            Op::Conv2d(conv) => {
                let params = problem.network.params_of(id);
                let data = |at: usize| params.get(at).and_then(|param| weights.get(&param.name)).map(|tensor| tensor.data());
                let shape = Shape { oc: conv.oc, groups: conv.groups, window: conv.window };
                reference::conv2d(input(0), maps(0), data(0).unwrap(), data(1), &shape)
            }
            Op::Activation(act) => reference::activation(input(0), act),
            Op::Add => reference::add(input(0), maps(0), input(1), maps(1).c),
            Op::Concat => {
                let all: Vec<_> = (0..node.inputs.len()).map(|i| (&input(i)[..], maps(i).c)).collect();
                reference::concat(&all, maps(0))
            }
            op => unreachable!("{op:?} is in no problem here"),
        };
        values.push(value);
    }
    values.swap_remove(problem.network.outputs()[0].0)
}

/// The largest error of a problem's output at a level, and the largest exact value.
fn error(problem: &Problem, level: Level, expected: usize) -> (f64, f64) {
    let (weights, images) = (problem.weights(), problem.images());
    let layers = problem.layers(&weights).unwrap();
    assert_eq!(split(&layers), expected, "{problem}: split convolutions");
    let packed = pack(&layers);
    let plan = compile::plan(&layers, &packed, &problem.options(&layers, level)).unwrap_or_else(|e| panic!("{problem}: {e}"));
    let (_, output) = interpret::plan(&plan, &packed.data, &images, problem.threads);
    let exact = exact(problem, &weights, &images);
    (bound::largest_error(&output, &exact).0, bound::max_abs(&exact))
}

fn problem(line: &str) -> Problem {
    line.parse().unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Maps of every size up to 9, with no, one or two rows of padding, at every level. Integers meet no rounding.
#[test]
fn borders_are_exact() {
    for (h, w) in (1..=9).flat_map(|h| [(h, 7), (7, h), (h, h)]) {
        for padding in ["ph1", "ph0", "ph1phe0pw0pwe1"] {
            if (padding != "ph1") && h.min(w) < 3 {
                continue;
            }
            let line = format!("winograd=2 data=integers ic2ih{h}iw{w} conv_oc20 relu conv_oc17kh3{padding}_bias relu");
            for level in Level::ALL {
                let problem = problem(&line);
                assert!(problem.is_exact(&problem.weights()), "{line}");
                assert_eq!(error(&problem, level, 1).0, 0.0, "{level} {line}");
            }
        }
    }
}

/// Everything that a direct convolution may have: activations, shortcuts, parts of a concatenation, shuffled lanes, batches, threads,
/// tunings.
#[test]
fn what_is_fused_is_computed() {
    let lines = [
        "ic2ih9iw9 conv_oc16 conv_oc16kh3ph1_bias add@1,2 relu",
        "ic2ih9iw9 conv_oc20 conv_oc20kh3ph1_bias relu add@1,3 relu6",
        "ic2ih9iw9 conv_oc20 relu conv_oc33kh3ph1_bias relu conv_oc5kh3ph1_bias",
        "mb3ic2ih6iw10 conv_oc20 relu conv_oc24kh3ph1_bias relu",
    ];
    for (line, count) in lines.iter().zip([1, 1, 2, 1]) {
        for options in ["", "threads=3 ", "fuse=off ", "l2=4096 ", "tune=7 ", "tune=8 threads=2 "] {
            for level in Level::ALL {
                let problem = problem(&format!("winograd=2 data=integers {options}{line}"));
                assert!(problem.is_exact(&problem.weights()), "{problem}");
                assert_eq!(error(&problem, level, count).0, 0.0, "{level} {problem}");
            }
        }
    }
}

/// Where the products of all lanes are too many, parts of the lanes are computed one after another: each with its own bias, its part of the
/// shortcut, and the pad lanes at the end.
#[test]
fn parts_of_wide_maps_are_computed() {
    for (line, count) in [
        ("ic2ih13iw319 conv_oc16 relu conv_oc68kh3ph1_bias relu", 2),
        ("ic2ih17iw255 conv_oc60 relu conv_oc60kh3ph1_bias relu add@2,4 relu6", 4),
        ("ic2ih3iw319 conv_oc16 relu conv_oc68kh3ph1_bias relu", 1),
    ] {
        for level in Level::ALL {
            let problem = problem(&format!("winograd=2 data=integers {line}"));
            assert!(problem.is_exact(&problem.weights()), "{problem}");
            assert_eq!(error(&problem, level, count).0, 0.0, "{level} {problem}");
        }
    }
}

/// Activations that do not keep zero leave the pad lanes zero, and long ones follow once all is stored.
#[test]
fn activations_that_round() {
    for act in ["silu", "sigmoid", "hardswish", "elu1p0"] {
        for form in [2, 4] {
            for level in Level::ALL {
                let problem = problem(&format!("winograd={form} ic2ih9iw9 conv_oc20 relu conv_oc20kh3ph1_bias {act}"));
                let (error, largest) = error(&problem, level, 1);
                assert!(error <= 1e-5 * largest.max(1.0), "{level} {problem}: {error} of {largest}");
            }
        }
    }
}

/// An infinity reaches the outputs that it reaches directly, and no others. There it may be NaN.
#[test]
fn infinities_stay_where_they_are_read() {
    let problem = |tiles: &str| problem(&format!("{tiles}ic1ih9iw9 conv_oc16 conv_oc16kh3ph1"));
    for pixel in [0, 30, 40, 41, 80] {
        let not_finite = |problem: &Problem| -> Vec<bool> {
            let (weights, mut images) = (problem.weights(), problem.images());
            images[pixel] = f32::INFINITY;
            let layers = problem.layers(&weights).unwrap();
            let packed = pack(&layers);
            let plan = compile::plan(&layers, &packed, &Options::new(Level::Avx2)).unwrap();
            interpret::plan(&plan, &packed.data, &images, 1).1.iter().map(|x| !x.is_finite()).collect()
        };
        assert_eq!(not_finite(&problem("winograd=2 ")), not_finite(&problem("")), "pixel {pixel}");
    }
}

/// What compiling makes: none of few channels or tiles.
#[test]
fn small_convolutions_stay_direct() {
    for (line, count) in [
        ("ic2ih9iw9 conv_oc16 conv_oc16kh3ph1", 1),
        ("ic2ih9iw9 conv_oc15 conv_oc16kh3ph1", 0),
        ("ic2ih6iw6 conv_oc16 conv_oc16kh3ph1", 0),
        ("ic2ih9iw9 conv_oc16 conv_oc16kh3sh2ph1", 0),
        ("ic2ih9iw9 conv_oc16 conv_oc16kh3dh1ph1", 0),
        ("ic2ih9iw9 conv_oc16 conv_g2oc16kh3ph1", 0),
        ("ic2ih9iw9 conv_oc16 conv_oc16kh3ph2", 0),
        ("ic16ih9iw9 conv_oc16kh3ph1", 0),
    ] {
        let problem = problem(line);
        let options = problem.options(&problem.layers(&problem.weights()).unwrap(), Level::Avx2);
        let of = |winograd| {
            let options = Options { winograd, ..options.clone() };
            split(&compile::layers(&problem.network, &problem.weights(), &[options]).unwrap())
        };
        assert_eq!((of(true), of(false)), (count, 0), "{line}");
    }
}

/// The networks of the zoo have no convolution that compiling splits: their bits stay as they were.
#[test]
fn the_zoo_stays_direct() {
    for name in zoo::defaults() {
        let network = name.parse::<zoo::Spec>().unwrap().build().unwrap();
        let layers = normalize(&network, &Weights::random(&network, 0)).unwrap();
        assert_eq!(split(&winograd::usual(&layers)), 0, "{name}");
    }
}

/// The error is within the bound of its own, and at most four times that of the direct convolution.
#[test]
fn errors_are_within_the_bound() {
    for channels in [16, 64, 256] {
        let line = format!("ic1ih14iw14 conv_oc{channels} conv_oc{channels}kh3ph1_bias");
        for seed in 1..=3 {
            let direct = problem(&format!("seed={seed} {line}"));
            let small = problem(&format!("winograd=2 seed={seed} {line}"));
            let (weights, images) = (direct.weights(), direct.images());
            let layers = direct.layers(&weights).unwrap();
            let of = |at: usize| layers.filters[LayerId(at)].as_ref().unwrap();
            let max_src = bound::max_abs(&of(0).weight) * bound::max_abs(&images) + bound::max_abs(&of(0).bias);
            let (weight, bias) = (bound::max_abs(&of(1).weight), bound::max_abs(&of(1).bias));
            let bound = bound::winograd(Winograd::Two, channels, max_src, weight, bias);
            // The first convolution rounds in both.
            let (direct, found) = (error(&direct, Level::Avx2, 0).0, error(&small, Level::Avx2, 1).0);
            let large = error(&problem(&format!("winograd=4 seed={seed} {line}")), Level::Avx2, 1).0;
            assert!(found <= bound, "{channels} channels: {found} beyond {bound}");
            assert!(found <= 4.0 * direct, "{channels} channels: {found}, directly {direct}");
            // This is why compiling makes no larger tiles.
            assert!(large > 4.0 * direct, "{channels} channels: {large} with large tiles, directly {direct}");
        }
    }
}
