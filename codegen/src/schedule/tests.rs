use proptest::prelude::*;
use sartor_kernels::runtime::Level;
use sartor_models::{Activation, Builder, Conv2d, Network, Op, Shape, Window, zoo};

use super::alternatives::{alternatives, by_panels, runs, together};
use super::partition::Group;
use super::{Options, Schedule, trial};
use crate::compile::plan;
use crate::interpret;
use crate::ir::kernel::Kernel;
use crate::ir::name::KernelName;
use crate::lab::drawn_tuning;
use crate::lab::testing::{draw, network, noise};
use crate::layout::{Map, PANEL};
use crate::network::layers::LayerId;
use crate::network::normalize::normalize;
use crate::network::pack::pack;
use crate::plan::{Place, StagePlan};
use crate::prove;
use crate::schedule::tuning::Choice;

/// The rounding errors of f32 through the few dozen layers of a network, relative to the largest output.
const TOLERANCE: f64 = 1e-4;

/// Checks that no two kernels of a program are the same or share a name, and that every name can be parsed again.
fn check_names(kernels: &[Kernel]) {
    for (index, kernel) in kernels.iter().enumerate() {
        assert!(kernel.name.parse::<KernelName>().is_ok(), "{}", kernel.name);
        for other in &kernels[..index] {
            assert!(other.name != kernel.name && !other.is_same(kernel), "{} and {}", other.name, kernel.name);
        }
    }
}

/// Interprets a network's plan. Compares its outputs with the network's, evaluated in f64.
fn check(network: &Network, options: &Options, threads: usize) {
    let weights = draw::weights(network);
    let layers = normalize(network, &weights).unwrap();
    let packed = pack(&layers);
    let plan = plan(&layers, &packed, options).unwrap();
    check_names(plan.kernels.as_ref());
    let len = network.input_shape().len();
    let input: Vec<f64> = noise(11).take(len * options.batch).map(|x| f64::from(x as f32)).collect();
    let images: Vec<f32> = input.iter().map(|&x| x as f32).collect();
    let (_, output) = interpret::plan(&plan, &packed.data, &images, threads);
    for (image, values) in input.chunks(len).enumerate() {
        let expected = network::evaluate(network, &weights, values);
        if network::exceeds_f32(&expected) {
            return;
        }
        let mut at = 0;
        for &id in network.outputs() {
            let want = &expected[id.0];
            let got = &output[at + image * want.len()..][..want.len()];
            at += options.batch * want.len();
            let scale = want.iter().fold(1e-3, |m: f64, x| m.max(x.abs()));
            for (i, (&got, want)) in got.iter().zip(want).enumerate() {
                assert!(
                    (f64::from(got) - want).abs() <= TOLERANCE * scale,
                    "{} image {image} at {i}: {got}, not {want}, of up to {scale} ({options:?}, {threads} threads)",
                    network.node(id).name
                );
            }
        }
    }
}

#[test]
fn zoo_networks_are_planned_right_at_every_level() {
    for name in zoo::defaults() {
        let family = name.parse::<zoo::Spec>().unwrap();
        let network = family.with_resolution(32, 48).with_classes(10).build().unwrap();
        for level in Level::ALL {
            check(&network, &Options::new(level), 1);
        }
    }
}

/// ConvMixer's residual: maps beyond L2 are neither written nor read between a window, a norm behind its activation, and a sum.
#[test]
fn windows_and_what_is_done_with_each_value_share_a_stage() {
    let mut b = Builder::new("residual", Shape::new(20, 12, 10)).unwrap();
    let depthwise = |window| Op::Conv2d(Conv2d { oc: 20, groups: 20, bias: true, window });
    let source = b.add("source", depthwise(Window::square(3, 1, 1)), &[b.input()]).unwrap();
    let window = b.add("window", depthwise(Window::square(7, 1, 3)), &[source]).unwrap();
    let act = b.add("act", Op::Activation(Activation::Relu), &[window]).unwrap();
    let norm = b.add("norm", depthwise(Window::POINT), &[act]).unwrap();
    let sum = b.add("sum", Op::Add, &[norm, source]).unwrap();
    let network = b.finish(&[sum]).unwrap();
    for level in Level::ALL {
        let options = Options::new(level);
        check(&network, &options, 2);
        let layers = normalize(&network, &draw::weights(&network)).unwrap();
        let plan = plan(&layers, &pack(&layers), &options).unwrap();
        let names = |stage: &StagePlan| stage.layers.iter().map(|&layer| layers[layer].name.clone()).collect::<Vec<_>>();
        assert!(plan.stages.iter().any(|stage| names(stage) == ["window", "norm", "sum"]), "{:?}", plan.stages);
    }
}

/// A window that moves by more rows than it has leaves rows out. A unit that runs after another computes them as the first of a range does:
/// otherwise, where a window behind it overlaps, the two would leave different rows.
#[test]
fn rows_between_windows_are_the_same_however_units_are_split() {
    let mut b = Builder::new("between", Shape::new(2, 31, 3)).unwrap();
    let conv = |groups, window| Op::Conv2d(Conv2d { oc: 2, groups, bias: true, window });
    let dense = b.add("dense", conv(1, Window::POINT), &[b.input()]).unwrap();
    let apart = b.add("apart", conv(2, Window::square(1, 3, 0)), &[dense]).unwrap();
    let window = b.add("window", conv(2, Window::square(3, 1, 1)), &[apart]).unwrap();
    let point = b.add("point", conv(1, Window::POINT), &[window]).unwrap();
    let network = b.finish(&[point]).unwrap();
    for threads in 1..4 {
        assert!(check_ways(&network, &Options { threads, ..Options::new(Level::Portable) }, threads) > 10);
    }
}

/// The time to plan a network does not grow with the cube of what follows one another.
#[test]
fn chains_are_not_longer_than_they_may_be() {
    let mut b = Builder::new("long", Shape::new(16, 12, 12)).unwrap();
    let mut last = b.input();
    for i in 0..60 {
        let act = if i % 2 == 0 { Activation::Tanh } else { Activation::Silu };
        last = b.add(format!("act{i}"), Op::Activation(act), &[last]).unwrap();
    }
    let network = b.finish(&[last]).unwrap();
    let layers = normalize(&network, &draw::weights(&network)).unwrap();
    let schedule = Schedule::new(&layers, &Options::new(Level::Portable)).unwrap();
    let longest = schedule.groups.iter().map(|group| group.layers().len()).max();
    assert_eq!(longest, Some(super::partition::LONGEST));
}

#[test]
fn windows_that_would_keep_rustc_busy_for_hours_are_refused() {
    let planned = |kernel: usize, stride, padding| {
        let mut b = Builder::new("window", Shape::new(16, 64, 64)).unwrap();
        let window = Window::square(kernel, stride, padding);
        let conv = b.add("conv", Op::Conv2d(Conv2d { oc: 16, groups: 16, bias: true, window }), &[b.input()]).unwrap();
        let network = b.finish(&[conv]).unwrap();
        let layers = normalize(&network, &draw::weights(&network)).unwrap();
        Schedule::new(&layers, &Options::new(Level::Portable)).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(planned(13, 1, 6), Ok(()));
    assert_eq!(planned(32, 32, 0), Ok(()));
    let message = planned(41, 1, 20).unwrap_err();
    assert!(message.contains("'conv' has a window of 41 by 41 taps") && message.contains("--engine generic"), "{message}");
}

/// Weights that L2 does not hold pass it once, and not once a row.
#[test]
fn a_window_with_large_weights_is_split_along_its_output_lanes() {
    for (threads, batch, window) in [
        (1, 1, Window::square(3, 2, 1)),
        (2, 1, Window { dilation: (4, 4), ..Window::square(3, 1, 4) }),
        (3, 2, Window::square(1, 2, 0)),
    ] {
        let mut b = Builder::new("large", Shape::new(40, 9, 11)).unwrap();
        let conv = |oc, window| Op::Conv2d(Conv2d { oc, groups: 1, bias: true, window });
        let source = b.add("source", conv(40, Window::POINT), &[b.input()]).unwrap();
        let large = b.add("large", conv(7 * PANEL + 5, window), &[source]).unwrap();
        let network = b.finish(&[large]).unwrap();
        let layers = normalize(&network, &draw::weights(&network)).unwrap();
        let packed = pack(&layers);
        for (level, l2) in Level::ALL.into_iter().flat_map(|level| [(level, 1 << 13), (level, 1 << 22)]) {
            let options = Options { threads, batch, l2, ..Options::new(level) };
            check(&network, &options, threads);
            let plan = plan(&layers, &packed, &options).unwrap();
            let stage = plan.stages.last().unwrap();
            let (is_split, is_large) = (stage.rows.is_none(), l2 == 1 << 13);
            // Of both images, the map is read once for each panel, and that may be more than the weights once a row.
            assert!(is_split == is_large || is_large && batch > 1, "{level} {options:?}");
            // Threads have equally many units, or each unit has one panel.
            let units = stage.code.units;
            assert!(!is_split || units > 1 && units.is_multiple_of(threads) || units == 8, "{units} units");
        }
    }
}

/// What every group of rows reads from behind L2 is fetched, unless nothing follows it in memory.
#[test]
fn weights_that_l2_does_not_hold_are_fetched_by_each_group_of_rows() {
    let mut b = Builder::new("large", Shape::new(40, 9, 11)).unwrap();
    let conv = |oc, groups| Op::Conv2d(Conv2d { oc, groups, bias: true, window: Window::POINT });
    let source = b.add("source", conv(48, 1), &[b.input()]).unwrap();
    let first = b.add("first", conv(7 * PANEL, 2), &[source]).unwrap();
    let second = b.add("second", conv(5 * PANEL + 3, 1), &[first]).unwrap();
    let network = b.finish(&[second]).unwrap();
    let layers = normalize(&network, &draw::weights(&network)).unwrap();
    for (level, l2) in Level::ALL.into_iter().flat_map(|level| [(level, 1 << 13), (level, 1 << 22)]) {
        let options = Options { l2, ..Options::new(level) };
        check(&network, &options, 2);
        let plan = plan(&layers, &pack(&layers), &options).unwrap();
        let fetches = |layer: usize| {
            let mut kernels = plan.kernels_of[LayerId(layer)].iter().map(|&kernel| &plan.kernels[kernel]);
            kernels.any(|kernel| kernel.buffers.iter().any(|buffer| buffer.name == "next"))
        };
        assert_eq!((fetches(1), fetches(2)), (l2 == 1 << 13, false), "{level}, {l2} bytes");
    }
}

/// Every way to compute the parts of a run that measuring may try: each part as one stage, and with one thing changed.
fn ways(layers: &crate::network::layers::Layers, run: &[LayerId], options: &Options) -> Vec<(Vec<LayerId>, Choice)> {
    let mut ways = Vec::new();
    for begin in 0..run.len() {
        for end in begin + 1..=run.len().min(begin + 3) {
            let part = &run[begin..end];
            let alone = if part.len() == 1 { by_panels(layers, part[0]) } else { None };
            for base in std::iter::once(together(layers, part, options)).chain(alone) {
                let others = alternatives(layers, part, &base, options);
                assert!(others.iter().all(|other| other.cycles > 0.0 && other.cycles.is_finite()), "{others:?}");
                ways.push((part.to_vec(), base));
                ways.extend(others.into_iter().map(|other| (part.to_vec(), other.choice)));
            }
        }
    }
    ways
}

/// Tries every way to compute every run, and compares the bits that are written. Returns how many ways were compared.
fn check_ways(network: &Network, options: &Options, threads: usize) -> usize {
    let layers = normalize(network, &draw::weights(network)).unwrap();
    let mut compared = 0;
    for run in runs(&layers, options) {
        let ways = ways(&layers, &run.layers, options);
        let (plan, packed) = trial(&layers, options, &ways);
        prove::stages(&plan, &packed.data).unwrap();
        check_names(plan.kernels.as_ref());
        let input: Vec<f32> = noise(5).take(plan.lengths.input).map(|x| x as f32).collect();
        let mut memory = interpret::memory(&plan, &packed.data, &input);
        let mut before: Vec<f32> = noise(6).take(plan.lengths.arena).map(|x| x as f32).collect();
        for (map, place) in layers.maps.iter().zip(&plan.places) {
            let Place::Arena { offset } = *place else { continue };
            let pads = (0..options.batch * map.h * map.w * map.pitch()).filter(|i| i % map.pitch() >= map.c);
            pads.for_each(|i| before[offset + i] = 0.0);
        }
        let mut first: Vec<(&[LayerId], Vec<u32>)> = Vec::new();
        for (index, (part, choice)) in ways.iter().enumerate() {
            memory.arena.copy_from_slice(&before);
            memory.scratch.fill(f32::NAN);
            interpret::stage(&plan, index, threads, &mut memory);
            let dst = layers[part[part.len() - 1]].dst();
            let Place::Arena { offset } = plan.places[dst] else { panic!("{dst:?} is not whole") };
            let map = &layers[dst];
            let len = options.batch * map.h * map.w * plan.pitch(dst);
            let bits: Vec<u32> = memory.arena[offset..][..len].iter().map(|x| x.to_bits()).collect();
            match first.iter().find(|(of, _)| of == part) {
                None => first.push((part, bits)),
                Some((_, expected)) => {
                    assert!(*expected == bits, "{}: {choice:?} differs ({options:?}, {threads} threads)", run.problem);
                    compared += 1;
                }
            }
        }
    }
    compared
}

#[test]
fn all_ways_to_compute_a_problem_give_the_same_bits() {
    let network = "mobilenet_v2_x0.35@32x32".parse::<zoo::Spec>().unwrap().with_classes(3).build().unwrap();
    for level in Level::ALL {
        assert!(check_ways(&network, &Options::new(level), 1) > 100);
    }
}

/// MobileNetV1 has such maps; the test of the zoo computes it.
#[test]
fn pixels_that_would_alias_in_l1_lie_a_panel_further_apart() {
    let pitch = |c, h, w| Map { name: "map".into(), c, h, w }.pitch();
    assert_eq!([500, 512, 513, 1024, 256, 1].map(|c| pitch(c, 1, 2)), [528, 528, 528, 1040, 256, 16]);
    assert_eq!(pitch(512, 1, 1), 512, "a single pixel has no neighbour");
}

#[test]
fn a_plan_is_the_same_each_time_it_is_made_with_the_same_tuning() {
    let network = "rexnet_digits".parse::<zoo::Spec>().unwrap().build().unwrap();
    let layers = normalize(&network, &draw::weights(&network)).unwrap();
    let packed = pack(&layers);
    let options = |seed| {
        let options = Options::new(Level::Avx512);
        Options { tuning: drawn_tuning(&layers, &options, seed).into(), ..options }
    };
    let stages = |seed| plan(&layers, &packed, &options(seed)).unwrap().stages;
    let text = |seed| format!("{:?}", stages(seed));
    assert_eq!(text(1), text(1));
    assert_ne!(text(1), text(2));
}

/// No thread has more than two rows, or one panel, more than the most even share.
#[test]
fn every_thread_finds_work_in_every_stage() {
    let mut stages = 0;
    for name in ["mobilenet_v2_x1.0", "efficientnet_b0", "shufflenet_v1_g3_x1.0"] {
        let network = name.parse::<zoo::Spec>().unwrap().build().unwrap();
        let layers = normalize(&network, &draw::weights(&network)).unwrap();
        let packed = pack(&layers);
        for threads in [2, 3, 4, 8, 16] {
            let options = Options { threads, ..Options::new(Level::Avx2) };
            let schedule = Schedule::new(&layers, &options).unwrap();
            let plan = schedule.plan(&layers, &packed, &options);
            let stages_of = schedule.groups.iter().zip(&plan.stages).filter(|(_, stage)| stage.code.units > 0);
            for (group, stage) in stages_of {
                let layer = &layers[stage.layers[stage.layers.len() - 1]];
                let map = &layers[layer.dst()];
                let units = |thread: usize| stage.code.units * thread / threads;
                let busiest = (0..threads).map(|thread| units(thread + 1) - units(thread)).max().unwrap();
                // All strips have the same number of rows, except that the last may have fewer. Units of panels differ by one.
                let (all, share, slack) = match group {
                    Group::Chain { .. } => (map.h, busiest * map.h.div_ceil(stage.code.units), 2),
                    Group::Panels { .. } if map.h * map.w > 1 => {
                        let panels = map.pitch() / PANEL;
                        (panels, (busiest * panels).div_ceil(stage.code.units), 1)
                    }
                    _ => continue,
                };
                assert!(
                    share <= all.div_ceil(threads) + slack,
                    "{name}, {threads} threads: {}, {share} of {all}",
                    stage.code.doc[0]
                );
                stages += 1;
            }
        }
    }
    assert!(stages > 400, "{stages} stages");
}

proptest! {
    #[test]
    fn ways_to_compute_drawn_problems_give_the_same_bits(
        network in draw::network(),
        level in 0..4usize,
        batch in 1..3usize,
        threads in 1..4usize,
    ) {
        check_ways(&network, &Options { batch, ..Options::new(Level::ALL[level]) }, threads);
    }

    #[test]
    fn drawn_tunings_and_threads_change_no_bit(
        network in draw::network(),
        level in 0..4usize,
        batch in 1..3usize,
        threads in 1..4usize,
        planned in 2..10usize,
        seed: u64,
        l2 in prop_oneof![Just(1 << 12), Just(1 << 20)],
    ) {
        let layers = normalize(&network, &draw::weights(&network)).unwrap();
        let packed = pack(&layers);
        let options = Options { batch, l2, ..Options::new(Level::ALL[level]) };
        let tuned = Options { tuning: drawn_tuning(&layers, &options, seed).into(), threads: planned, ..options.clone() };
        let input: Vec<f32> = noise(7).take(network.input_shape().len() * batch).map(|x| x as f32).collect();
        let output = |options: Options| {
            let plan = plan(&layers, &packed, &options).unwrap();
            interpret::plan(&plan, &packed.data, &input, threads).1.iter().map(|x| x.to_bits()).collect::<Vec<u32>>()
        };
        prop_assert_eq!(output(options), output(tuned));
    }

    #[test]
    fn drawn_networks_are_planned_right(
        network in draw::network(),
        level in 0..4usize,
        batch in 1..4usize,
        threads in 1..4usize,
        planned in 2..10usize,
        fuse: bool,
        l2 in prop_oneof![Just(1 << 12), Just(1 << 20)],
    ) {
        check(&network, &Options { batch, l2, fuse, threads: planned, ..Options::new(Level::ALL[level]) }, threads);
    }
}
