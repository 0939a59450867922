//! Compares every operator with the reference, at every level that this machine has: integers without tolerance, random data
//! within the bound.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::reference::{self, bound};
use crate::report;
use crate::runtime::Level;
use crate::shape::{Activation, Conv, Padding, Reduction, Window};

/// Where the values of a test come from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Data {
    /// Small integers: sums stay below 2^24 and no kernel may round.
    Exact,
    /// Uniform in -1..1.
    Random,
}

const BOTH: [Data; 2] = [Data::Exact, Data::Random];

impl Data {
    fn values(self, rng: &mut Pcg64Mcg, len: usize) -> Vec<f32> {
        let value = |rng: &mut Pcg64Mcg| match self {
            Data::Exact => rng.random_range(-4..=4) as f32,
            Data::Random => rng.random_range(-1.0..1.0),
        };
        (0..len).map(|_| value(rng)).collect()
    }

    fn bound(self, bound: f64) -> f64 {
        if self == Data::Exact { 0.0 } else { bound }
    }
}

fn levels() -> Vec<Level> {
    Level::allowed().expect("SARTOR_MAX_LEVEL is a level")
}

/// Counts the cases of a test at each level. Reports them when the test has passed.
struct Tally(&'static str, usize);

impl Tally {
    fn levels(&mut self) -> Vec<Level> {
        self.1 += 1;
        levels()
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            levels().iter().for_each(|level| report::checked(level.name(), self.1, self.0));
        }
    }
}

fn packed(src: &[f32], maps: Maps) -> Vec<f32> {
    let mut dst = vec![f32::NAN; map_len(maps)];
    pack(src, maps, &mut dst);
    dst
}

/// Runs an operator with a destination full of NaN. Checks that pad lanes become zero and that the rest is within `bound` of
/// `expected`.
fn judge(what: &str, maps: Maps, expected: &[f64], bound: f64, run: impl FnOnce(&mut [f32])) {
    let mut dst = vec![f32::NAN; map_len(maps)];
    run(&mut dst);
    let mut pads = dst.chunks_exact(pitch(maps.c)).flat_map(|row| &row[maps.c..]);
    // A value that is not finite, times the zero weight of a pad lane, is NaN.
    let finite = expected.iter().all(|x| x.is_finite());
    assert!(!finite || pads.all(|&x| x == 0.0), "{what}: pad lanes are not zero");
    let mut found = vec![0.0; maps.len()];
    unpack(&dst, maps, &mut found);
    let (error, at) = bound::largest_error(&found, expected);
    assert!(error <= bound, "{what}: {} for {} at {at}, an error of {error} over {bound}", found[at], expected[at]);
}

fn rng(seed: usize) -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(seed as u64)
}

/// `(maps, oc, groups, window)`
fn convolutions() -> Vec<(Maps, Conv)> {
    let square = Window::square;
    let tall = Window::new((5, 1), (2, 1), (Padding { before: 2, after: 1 }, Padding::both(0)));
    let wide = Window::new((1, 3), (1, 3), (Padding::both(0), Padding::both(2)));
    let dilated = Window { dilation: (2, 3), ..Window::new((3, 3), (1, 2), (Padding::both(2), Padding { before: 1, after: 3 })) };
    [
        // 1x1, from one pixel and one channel up to more than a tile, a panel and a block
        (Maps::new(1, 1, 1, 1), 1, 1, square(1, 1, 0)),
        (Maps::new(1, 17, 1, 1), 33, 1, square(1, 1, 0)),
        (Maps::new(3, 13, 1, 1), 1000, 1, square(1, 1, 0)),
        (Maps::new(1, 31, 7, 7), 61, 1, square(1, 1, 0)),
        (Maps::new(1, 64, 5, 3), 48, 1, square(1, 1, 0)),
        (Maps::new(2, 7, 13, 11), 16, 1, square(1, 1, 0)),
        (Maps::new(1, 960, 9, 9), 32, 1, square(1, 1, 0)),
        (Maps::new(1, 24, 5, 5), 24, 1, square(1, 2, 0)),
        // windows
        (Maps::new(1, 3, 32, 32), 32, 1, square(3, 2, 1)),
        (Maps::new(1, 3, 33, 31), 27, 1, square(3, 2, 1)),
        (Maps::new(3, 5, 5, 7), 7, 1, square(3, 1, 1)),
        (Maps::new(1, 2, 1, 1), 3, 1, square(3, 1, 1)),
        (Maps::new(1, 2, 2, 9), 17, 1, square(5, 2, 2)),
        (Maps::new(1, 1, 9, 9), 1, 1, square(3, 3, 0)),
        (Maps::new(2, 4, 6, 5), 9, 1, tall),
        (Maps::new(1, 4, 5, 6), 9, 1, wide),
        (Maps::new(1, 4, 5, 6), 9, 1, dilated),
        (Maps::new(2, 6, 9, 8), 20, 2, dilated),
        // groups whose channels begin at any lane of a vector
        (Maps::new(1, 240, 4, 4), 60, 3, square(1, 1, 0)),
        (Maps::new(3, 60, 3, 3), 240, 3, square(1, 1, 0)),
        (Maps::new(1, 34, 5, 5), 14, 2, square(3, 2, 1)),
        (Maps::new(1, 12, 3, 3), 36, 12, square(3, 1, 1)),
        (Maps::new(1, 14, 3, 3), 7, 7, square(1, 1, 0)),
    ]
    .map(|(maps, oc, groups, window)| (maps, Conv { oc, groups, window }))
    .to_vec()
}

#[test]
fn convolution() {
    let mut tally = Tally("generic convolution", 0);
    for (seed, (maps, conv)) in convolutions().into_iter().enumerate() {
        let rng = &mut rng(seed);
        let ic = maps.c / conv.groups;
        let terms = ic * conv.window.taps();
        for data in BOTH {
            let src = data.values(rng, maps.len());
            let weight = data.values(rng, conv.oc * terms);
            let bias = data.values(rng, conv.oc);
            let expected = reference::conv2d(&src, maps, &weight, Some(&bias), &conv);
            let dot = bound::dot(terms, bound::max_abs(&src), bound::max_abs(&weight), bound::max_abs(&bias));
            let dst_maps = maps.under(&conv.window, conv.oc);
            for level in tally.levels() {
                let kernel = PackedConv::new(level, conv, ic, &weight, &bias);
                let case = format!("{conv:?} of {maps:?}, {data:?}, {level}");
                judge(&case, dst_maps, &expected, data.bound(dot), |dst| kernel.run(&packed(&src, maps), maps, None, dst));
                for function in Activation::ALL {
                    let bound = activation_bound(function, data, &expected, dot);
                    let expected = reference::activation(&expected, function);
                    judge(&format!("{function:?} after {case}"), dst_maps, &expected, bound, |dst| {
                        kernel.run(&packed(&src, maps), maps, Some(function), dst);
                    });
                }
            }
        }
    }
}

/// The bound after an activation. A clamp of exact data stays exact.
fn activation_bound(function: Activation, data: Data, src: &[f64], error: f64) -> f64 {
    bound::activation(function, bound::max_abs(src), data.bound(error))
}

#[test]
fn linear() {
    let mut tally = Tally("generic linear", 0);
    for (seed, (n, ic, oc)) in [(1, 1, 1), (1, 1280, 1000), (3, 97, 101), (20, 16, 16)].into_iter().enumerate() {
        let rng = &mut rng(seed);
        for data in BOTH {
            let (src, weight, bias) = (data.values(rng, n * ic), data.values(rng, oc * ic), data.values(rng, oc));
            let expected = reference::linear(&src, ic, &weight, Some(&bias), oc);
            let dot = bound::dot(ic, bound::max_abs(&src), bound::max_abs(&weight), bound::max_abs(&bias));
            for level in tally.levels() {
                let kernel = PackedConv::linear(level, ic, oc, &weight, &bias);
                let maps = Maps::new(n, ic, 1, 1);
                judge(&format!("{n}x{ic} to {oc}, {level}"), Maps { c: oc, ..maps }, &expected, data.bound(dot), |dst| {
                    kernel.run(&packed(&src, maps), maps, None, dst);
                });
            }
        }
    }
}

#[test]
fn depthwise() {
    let mut tally = Tally("generic depthwise", 0);
    let square = Window::square;
    let cases = [
        (Maps::new(1, 1, 1, 1), square(3, 1, 1)),
        (Maps::new(1, 32, 14, 14), square(3, 1, 1)),
        (Maps::new(3, 17, 7, 9), square(3, 2, 1)),
        (Maps::new(1, 50, 6, 11), square(3, 2, 1)),
        (Maps::new(1, 29, 13, 13), square(5, 1, 2)),
        (Maps::new(2, 16, 8, 7), square(5, 2, 2)),
        (Maps::new(1, 3, 2, 2), square(5, 1, 2)),
        (Maps::new(1, 4, 5, 5), square(3, 1, 0)),
        (Maps::new(1, 31, 3, 40), square(1, 1, 0)),
        (Maps::new(1, 19, 9, 20), Window { dilation: (3, 2), ..Window::square(3, 1, 2) }),
        (Maps::new(1, 19, 9, 14), Window { dilation: (2, 4), ..Window::square(3, 2, 4) }),
        (Maps::new(1, 5, 9, 20), Window::new((3, 5), (2, 3), (Padding { before: 0, after: 1 }, Padding { before: 2, after: 3 }))),
    ];
    for (seed, (maps, window)) in cases.into_iter().enumerate() {
        let rng = &mut rng(seed);
        let conv = Conv { oc: maps.c, groups: maps.c, window };
        for data in BOTH {
            let src = data.values(rng, maps.len());
            let (weight, bias) = (data.values(rng, maps.c * window.taps()), data.values(rng, maps.c));
            let expected = reference::conv2d(&src, maps, &weight, Some(&bias), &conv);
            let dot = bound::dot(window.taps(), bound::max_abs(&src), bound::max_abs(&weight), bound::max_abs(&bias));
            let dst_maps = maps.under(&window, maps.c);
            for level in tally.levels() {
                let kernel = PackedDepthwise::new(level, window, maps.c, &weight, &bias);
                let case = format!("depthwise {window:?} of {maps:?}, {data:?}, {level}");
                judge(&case, dst_maps, &expected, data.bound(dot), |dst| kernel.run(&packed(&src, maps), maps, None, dst));
                for function in Activation::ALL {
                    let bound = activation_bound(function, data, &expected, dot);
                    let expected = reference::activation(&expected, function);
                    judge(&format!("{function:?} after {case}"), dst_maps, &expected, bound, |dst| {
                        kernel.run(&packed(&src, maps), maps, Some(function), dst);
                    });
                }
            }
        }
    }
}

/// Maps of every size that is awkward.
const MAPS: [Maps; 6] = [
    Maps::new(1, 1, 1, 1),
    Maps::new(1, 16, 4, 4),
    Maps::new(3, 17, 5, 7),
    Maps::new(2, 40, 2, 3),
    Maps::new(1, 101, 7, 7),
    Maps::new(2, 3, 8, 8),
];

#[test]
fn pooling() {
    let mut tally = Tally("generic pooling", 0);
    let windows = [
        Window::square(3, 2, 1),
        Window::square(2, 2, 0),
        Window::square(2, 1, 1),
        Window { padding: (Padding { before: 0, after: 1 }, Padding { before: 0, after: 1 }), ..Window::square(3, 2, 0) },
        Window::new((1, 3), (2, 1), (Padding::both(0), Padding { before: 1, after: 0 })),
        Window { dilation: (2, 1), ..Window::square(3, 1, 1) },
    ];
    for (seed, maps) in MAPS.into_iter().enumerate() {
        for data in BOTH {
            let src = data.values(&mut rng(seed), maps.len());
            let max = bound::max_abs(&src);
            for level in tally.levels() {
                let from = packed(&src, maps);
                for window in &windows {
                    let (rows, columns) = window.axes();
                    if rows.outputs_over(maps.h).is_none() || columns.outputs_over(maps.w).is_none() {
                        continue;
                    }
                    let dst_maps = maps.under(window, maps.c);
                    let case = format!("{window:?} of {maps:?}, {level}");
                    judge(&format!("max {case}"), dst_maps, &reference::max_pool(&src, maps, window), 0.0, |dst| {
                        max_pool(level, &from, maps, window, dst);
                    });
                    let behind = |padding: Padding| Padding { before: 0, ..padding };
                    for counted in [window.padding, Padding::NONE, (behind(window.padding.0), behind(window.padding.1))] {
                        let expected = reference::avg_pool(&src, maps, window, counted);
                        judge(&format!("average {case}"), dst_maps, &expected, bound::mean(window.taps(), max), |dst| {
                            avg_pool(level, &from, maps, window, counted, dst);
                        });
                    }
                }
                let dst_maps = Maps { h: 1, w: 1, ..maps };
                for reduction in Reduction::ALL {
                    let expected = reference::reduce(&src, maps, reduction);
                    let bound = bound::reduction(reduction, maps.pixels(), max);
                    judge(&format!("{reduction:?} of {maps:?}, {level}"), dst_maps, &expected, bound, |dst| {
                        reduce(level, &from, maps, reduction, dst);
                    });
                }
            }
        }
    }
}

#[test]
fn the_mean_of_a_large_constant_map_keeps_its_bound() {
    let maps = Maps::new(1, 2, 112, 112);
    let src = vec![0.1_f32; maps.len()];
    for level in levels() {
        let bound = bound::mean(maps.pixels(), 0.1);
        judge(level.name(), Maps::new(1, 2, 1, 1), &reference::reduce(&src, maps, Reduction::Mean), bound, |dst| {
            reduce(level, &packed(&src, maps), maps, Reduction::Mean, dst);
        });
    }
}

#[test]
fn sums_and_gates() {
    let mut tally = Tally("generic sums and gates", 0);
    for (seed, maps) in MAPS.into_iter().enumerate() {
        let rng = &mut rng(seed);
        for data in BOTH {
            let a = data.values(rng, maps.len());
            for level in tally.levels() {
                for channels in [1, maps.c / 2, maps.c].into_iter().filter(|&c| c > 0) {
                    let b_maps = Maps { c: channels, ..maps };
                    let b = data.values(rng, b_maps.len());
                    let expected = reference::add(&a, maps, &b, channels);
                    let bound = data.bound(bound::rounding(bound::max_abs(&expected)));
                    judge(&format!("{channels} channels to {maps:?}, {level}"), maps, &expected, bound, |dst| {
                        add(level, &packed(&a, maps), maps, &packed(&b, b_maps), channels, dst);
                    });
                }
                let gate = Maps { h: 1, w: 1, ..maps };
                for b_maps in [maps, gate, Maps { c: 1, ..maps }, Maps { c: 1, ..gate }] {
                    let b = data.values(rng, b_maps.len());
                    let compare = |what: &str, f64s: fn(f64, f64) -> f64, f32s: fn(f32, f32) -> f32, data: Data| {
                        let expected = reference::binary(&a, maps, &b, b_maps, f64s);
                        let bound = data.bound(bound::rounding(bound::max_abs(&expected)));
                        judge(&format!("{what} of {maps:?} and {b_maps:?}, {level}"), maps, &expected, bound, |dst| {
                            binary(level, &packed(&a, maps), maps, &packed(&b, b_maps), b_maps, f32s, dst);
                        });
                    };
                    compare("product", |a, b| a * b, |a, b| a * b, data);
                    compare("difference", |a, b| b - a, |a, b| b - a, data);
                    compare("quotient", |a, b| a / b, |a, b| a / b, Data::Random);
                }
            }
        }
    }
}

#[test]
fn batch_norm() {
    let mut tally = Tally("generic batch norm", 0);
    for (seed, maps) in MAPS.into_iter().enumerate() {
        let rng = &mut rng(seed);
        let src = Data::Random.values(rng, maps.len());
        let (weight, bias, mean) =
            (Data::Random.values(rng, maps.c), Data::Random.values(rng, maps.c), Data::Random.values(rng, maps.c));
        let var: Vec<f32> = Data::Random.values(rng, maps.c).iter().map(|x| x.abs() + 0.1).collect();
        let norm = reference::BatchNorm { weight: &weight, bias: &bias, mean: &mean, var: &var, eps: 1e-5 };
        let (scale, shift): (Vec<f32>, Vec<f32>) = (0..maps.c).map(|c| norm.affine(c)).map(|(a, b)| (a as f32, b as f32)).unzip();
        let expected = reference::batch_norm(&src, maps, &norm);
        let bound = bound::batch_norm(bound::max_abs(&src), bound::max_abs(&scale), bound::max_abs(&shift));
        for level in tally.levels() {
            let kernel = PackedNorm::new(level, &scale, &shift);
            judge(&format!("{maps:?}, {level}"), maps, &expected, bound, |dst| kernel.run(&packed(&src, maps), maps, None, dst));
            for function in Activation::ALL {
                let bound = bound::activation(function, bound::max_abs(&expected), bound);
                let expected = reference::activation(&expected, function);
                judge(&format!("{function:?} after {maps:?}, {level}"), maps, &expected, bound, |dst| {
                    kernel.run(&packed(&src, maps), maps, Some(function), dst);
                });
            }
        }
    }
}

#[test]
fn moving_channels() {
    for (seed, maps) in MAPS.into_iter().enumerate() {
        let rng = &mut rng(seed);
        let src = Data::Random.values(rng, maps.len());
        judge(&format!("there and back, {maps:?}"), maps, &reference::concat(&[(&src, maps.c)], maps), 0.0, |dst| {
            dst.copy_from_slice(&packed(&src, maps));
        });
        for groups in (1..=maps.c).filter(|&groups| maps.c.is_multiple_of(groups)) {
            let expected = reference::channel_shuffle(&src, maps, groups);
            judge(&format!("{groups} groups of {maps:?}"), maps, &expected, 0.0, |dst| {
                channel_shuffle(&packed(&src, maps), maps, groups, dst);
            });
        }
        let other_maps = Maps { c: 7, ..maps };
        let other = Data::Random.values(rng, other_maps.len());
        let dst_maps = Maps { c: maps.c + 7, ..maps };
        let expected = reference::concat(&[(&src, maps.c), (&other, 7)], dst_maps);
        judge(&format!("concatenation to {maps:?}"), dst_maps, &expected, 0.0, |dst| {
            concat(&[(&packed(&src, maps), maps.c), (&packed(&other, other_maps), 7)], dst_maps, dst);
        });
    }
}

#[test]
fn rearranged_maps() {
    for (seed, maps) in MAPS.into_iter().enumerate() {
        let Maps { n, c, h, w } = maps;
        let src = Data::Random.values(&mut rng(seed), maps.len());
        let sizes = [c, h, w];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let [c, h, w] = order.map(|from| sizes[from]);
            let expected = reference::transpose(&src, maps, order);
            judge(&format!("{order:?} of {maps:?}"), Maps { n, c, h, w }, &expected, 0.0, |dst| {
                transpose(&packed(&src, maps), maps, order, dst);
            });
        }
        let same: Vec<f64> = src.iter().map(|&x| x.into()).collect();
        for to in [Maps::new(n, c * h, 1, w), Maps::new(n, 1, w, c * h), Maps::new(n, c * h * w, 1, 1), Maps::new(n, h, c, w)] {
            judge(&format!("{maps:?} as {to:?}"), to, &same, 0.0, |dst| reshape(&packed(&src, maps), maps, to, dst));
        }
    }
}

#[test]
fn softmax_of_pixels() {
    for maps in [Maps::new(1, 1, 1, 1), Maps::new(3, 10, 1, 1), Maps::new(2, 1000, 1, 1), Maps::new(2, 17, 3, 2)] {
        let src = Data::Exact.values(&mut rng(maps.c), maps.len());
        for log in [false, true] {
            let expected = reference::softmax(&src, maps, log);
            let logs = bound::log_softmax(maps.c, bound::max_abs(&expected));
            let bound = if log { logs } else { bound::softmax(maps.c) };
            judge(&format!("{maps:?}"), maps, &expected, bound, |dst| softmax(&packed(&src, maps), maps, log, dst));
        }
    }
}

/// Values around every argument at which the formula of an activation changes.
fn special_values() -> Vec<f32> {
    let places =
        [0.0, 6.0, 1.0, 3.934, 9.084, 20.0, 86.99, 87.3, 88.375, 88.723, 89.0, 103.0, 0.346_573_6, f32::MAX, f32::MIN_POSITIVE];
    let around = places.into_iter().flat_map(|x: f32| [x.next_down(), x, x.next_up()]).flat_map(|x| [x, -x]);
    let sweep = (-2000..2000).map(|i| i as f32 * 0.05);
    around.chain(sweep).chain([f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-45, -1e-45]).collect()
}

#[test]
fn activations_of_special_values() {
    let src = special_values();
    let maps = Maps::new(1, 1, src.len(), 1);
    for function in Activation::every() {
        let expected = reference::activation(&src, function);
        for level in levels() {
            // Values are compared one by one. A bound for the largest would hide the errors of the small ones.
            let mut dst = vec![f32::NAN; map_len(maps)];
            activation(level, &packed(&src, maps), maps, function, &mut dst);
            let mut found = vec![0.0; maps.len()];
            unpack(&dst, maps, &mut found);
            for ((&x, found), &expected) in src.iter().zip(found).zip(&expected) {
                // The error is relative to this value. Where the exponential is below twice the smallest normal number, that is added
                // to the bound, times the argument.
                let beside = function.scale(x.into(), expected);
                let smallest = 2.0 * f64::from(f32::MIN_POSITIVE) * f64::from(x.abs()).clamp(1.0, 200.0);
                let is_number = x.is_finite() && expected.is_finite();
                let bound = if is_number { function.roundings() * bound::EPSILON * beside + smallest } else { 0.0 };
                let (error, _) = bound::largest_error(&[found], &[expected]);
                assert!(error <= bound, "{function:?}({x}) is {found}, not {expected}, {level}");
            }
        }
    }
}

#[test]
fn special_values_go_through_operators_as_in_the_reference() {
    let maps = Maps::new(1, 3, 4, 4);
    let conv = Conv { oc: 2, groups: 1, window: Window::square(3, 1, 1) };
    let weight: Vec<f32> = (0..54).map(|i| (i % 5) as f32 - 2.0).collect();
    for special in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
        for at in 0..maps.len() {
            let mut src = vec![1.0; maps.len()];
            src[at] = special;
            for level in levels() {
                let case = format!("{special} at {at}, {level}");
                let from = packed(&src, maps);
                // A result that overflows f32 may be finite in f64.
                if special != f32::MAX {
                    let kernel = PackedConv::new(level, conv, 3, &weight, &[0.5; 2]);
                    let expected = reference::conv2d(&src, maps, &weight, Some(&[0.5; 2]), &conv);
                    judge(&case, Maps { c: 2, ..maps }, &expected, 0.0, |dst| kernel.run(&from, maps, None, dst));
                }
                let window = Window::square(3, 1, 1);
                let expected = reference::max_pool(&src, maps, &window);
                judge(&case, maps, &expected, 0.0, |dst| max_pool(level, &from, maps, &window, dst));
                let expected = reference::add(&src, maps, &src, 3);
                judge(&case, maps, &expected, 0.0, |dst| add(level, &from, maps, &from, 3, dst));
            }
        }
    }
}

#[test]
fn lengths_are_checked() {
    let maps = Maps::new(1, 3, 2, 2);
    let outcome = std::panic::catch_unwind(|| activation(Level::Portable, &[0.0; 63], maps, Activation::Relu, &mut [0.0; 64]));
    assert!(outcome.is_err());
}
