//! The zoo's networks cost what their sources cost, and bad specifications are errors that name what is wrong.

use proptest::prelude::*;
use sartor_models::zoo::{self, Spec, Variant, ZooError};
use sartor_models::{Network, Op, Padding, Shape};

fn spec(name: &str) -> Spec {
    name.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn build(name: &str) -> Network {
    spec(name).build().unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Read off the PyTorch classes; `rexnet_plain`, `rexnet_compact` and the paper's ShuffleNets are pinned as computed here.
const COSTS: &[(&str, usize, u64)] = &[
    ("mobilenet_v1_x1.0", 4_231_976, 568_740_352),
    ("mobilenet_v2_x0.35", 1_677_128, 59_285_808),
    ("mobilenet_v2_x0.5", 1_968_680, 97_131_840),
    ("mobilenet_v2_x0.75", 2_636_424, 209_069_792),
    ("mobilenet_v2_x1.0", 3_504_872, 300_774_272),
    ("mobilenet_v2_x1.4", 6_108_776, 582_195_824),
    ("rexnet_x0.6", 2_289_825, 222_524_978),
    ("rexnet_x0.9", 4_091_257, 347_691_428),
    ("rexnet_x1.0", 4_796_873, 398_370_392),
    ("rexnet_x1.3", 7_557_091, 662_229_098),
    ("rexnet_x1.5", 9_728_593, 875_828_154),
    ("rexnet_x2.0", 16_366_620, 1_528_850_782),
    ("rexnet_x3.0", 34_708_792, 3_395_980_620),
    ("rexnet_lite_x1.0", 4_740_056, 406_806_592),
    ("rexnet_lite_x1.3", 6_747_960, 646_448_384),
    ("rexnet_lite_x1.5", 8_332_296, 836_350_720),
    ("rexnet_lite_x2.0", 12_966_200, 1_498_253_632),
    ("rexnet_plain_x1.0", 3_416_942, 597_414_858),
    ("rexnet_compact_x1.0", 1_956_140, 335_924_216),
    ("rexnet_digits", 434_954, 2_872_912),
    ("shufflenet_v1_g1_x1.0", 1_531_936, 143_078_976),
    ("shufflenet_v1_g2_x1.0", 1_733_848, 140_836_512),
    ("shufflenet_v1_g3_x1.0", 1_865_728, 137_460_672),
    ("shufflenet_v1_g4_x1.0", 1_968_344, 134_339_776),
    ("shufflenet_v1_g8_x1.0", 2_434_768, 138_365_952),
    ("shufflenet_v1_g3_x0.25", 305_902, 11_009_808),
    ("shufflenet_v1_g3_x0.5", 718_324, 37_589_856),
    ("shufflenet_v1_g3_x2.0", 5_450_776, 524_045_184),
    ("shufflenet_v1_seed_g3", 1_874_800, 134_450_112),
    ("efficientnet_b0", 5_288_548, 385_814_752),
    ("efficientnet_b1", 7_794_184, 686_802_832),
    ("efficientnet_b2", 9_109_994, 993_561_872),
    ("efficientnet_b3", 12_233_232, 1_827_141_392),
    // At these sizes SAME makes the same maps.
    ("efficientnet_b0_tf", 5_288_548, 385_814_752),
    ("efficientnet_b1_tf", 7_794_184, 686_802_832),
    ("efficientnet_b2_tf", 9_109_994, 993_561_872),
    ("efficientnet_b3_tf", 12_233_232, 1_827_141_392),
];

#[test]
fn costs() {
    let found: Vec<_> = COSTS.iter().map(|&(name, ..)| (name, build(name).param_count(), build(name).macs())).collect();
    assert_eq!(found, COSTS);
}

#[test]
fn names_print_as_they_parse() {
    for name in zoo::defaults() {
        assert_eq!(spec(&name).to_string(), name);
    }
    for (text, printed) in [
        ("rexnet", "rexnet_x1.0"),
        ("rexnet_x1", "rexnet_x1.0"),
        ("rexnet_digits_x0.3@32x32", "rexnet_digits"),
        ("efficientnet_b1@240x240", "efficientnet_b1"),
        ("efficientnet_b0_x0.5@224x192", "efficientnet_b0_x0.5@224x192"),
        ("shufflenet_v1_x0.5", "shufflenet_v1_g3_x0.5"),
        ("shufflenet_v1_seed_g8_x1.0", "shufflenet_v1_seed_g8"),
        ("mobilenet_v2_x1.4@320x256", "mobilenet_v2_x1.4@320x256"),
        ("efficientnet_b0_tf", "efficientnet_b0_tf"),
        ("efficientnet_b0_tf@300x300", "efficientnet_b0_tf@300x300"),
        ("efficientnet_b3_tf_x0.5@300x300", "efficientnet_b3_tf_x0.5"),
        ("efficientnet_b2_torch", "efficientnet_b2_torch"),
    ] {
        assert_eq!(spec(text).to_string(), printed);
        assert_eq!(build(text).name, printed);
    }
}

#[test]
fn every_default_builds_with_and_without_head_at_odd_sizes() {
    for name in zoo::defaults() {
        let net = spec(&name).with_resolution(45, 101).with_classes(7).build().unwrap();
        assert_eq!(net.node(net.outputs()[0]).shape, Shape::new(7, 1, 1), "{name}");

        let net = spec(&name).with_resolution(45, 101).with_head(false).build().unwrap();
        let maps: Vec<_> = net.outputs().iter().map(|&id| net.node(id).shape).map(|s| (s.h, s.w)).collect();
        assert_eq!(maps, [(12, 26), (6, 13), (3, 7), (2, 4)], "{name}");
        assert!(!net.params().is_empty() && net.outputs().windows(2).all(|pair| pair[0] < pair[1]), "{name}");
        assert_eq!(net.outputs()[3].0, net.nodes().len() - 1, "{name}: nothing may follow the last map");
    }
}

/// A convolution's padding and its map's height and width, `(rows, columns)` each.
type Padded = ((Padding, Padding), (usize, usize));

/// Every convolution with a window, in order, and the `eps` of all batch norms.
fn padded(network: &Network) -> (Vec<Padded>, Vec<f64>) {
    let windows = network.nodes().iter().filter_map(|node| match node.op {
        Op::Conv2d(conv) if conv.window.kernel != (1, 1) => Some((conv.window.padding, (node.shape.h, node.shape.w))),
        _ => None,
    });
    let eps = network.nodes().iter().filter_map(|node| match node.op {
        Op::BatchNorm { eps } => Some(eps),
        _ => None,
    });
    (windows.collect(), eps.collect())
}

/// What timm's `tf_efficientnet_b0` computes at 224x300 and at odd sizes: `Conv2dSame` at stride 2, and `eps` 1e-3.
#[test]
fn tensorflows_efficientnet_pads_as_tensorflow_does() {
    let sides = |before, after| Padding { before, after };
    let (windows, eps) = padded(&build("efficientnet_b0_tf@224x301"));
    assert!(eps.len() == 49 && eps.iter().all(|&eps| eps == 1e-3), "{eps:?}");
    // The stem and the depthwise convolutions; those of stride 2 first in their stages.
    let (one, two) = (Padding::around(1), Padding::around(2));
    let expected = [
        ((sides(0, 1), sides(1, 1)), (112, 151)),
        (one, (112, 151)),
        ((sides(0, 1), sides(1, 1)), (56, 76)),
        (one, (56, 76)),
        ((sides(1, 2), sides(1, 2)), (28, 38)),
        (two, (28, 38)),
        ((sides(0, 1), sides(0, 1)), (14, 19)),
        (one, (14, 19)),
        (one, (14, 19)),
        (two, (14, 19)),
        (two, (14, 19)),
        (two, (14, 19)),
        ((sides(1, 2), sides(2, 2)), (7, 10)),
        (two, (7, 10)),
        (two, (7, 10)),
        (two, (7, 10)),
        (one, (7, 10)),
    ];
    assert_eq!(windows, expected);
}

#[test]
fn a_variant_changes_padding_and_eps_alone() {
    for name in ["efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3"] {
        for (h, w) in [(64, 64), (33, 45), (101, 76)] {
            let plain = spec(name).with_resolution(h, w);
            assert_eq!((plain.variant(), plain.entry().variants()), (None, &Variant::ALL[..]));
            let torch = plain.clone().with_variant(Variant::Torch).build().unwrap();
            let tf = plain.clone().with_variant(Variant::Tf).build().unwrap();
            let plain = plain.build().unwrap();
            assert_eq!((torch.nodes(), torch.outputs()), (plain.nodes(), plain.outputs()), "{name}");
            assert_eq!((tf.params(), tf.outputs()), (plain.params(), plain.outputs()), "{name}");
            for (a, b) in plain.nodes().iter().zip(tf.nodes()) {
                // Both make maps of `size / stride`, rounded up.
                assert_eq!((&a.name, &a.inputs, a.shape), (&b.name, &b.inputs, b.shape), "{}", tf.name);
            }
            let ((plain, _), (tf, eps)) = (padded(&plain), padded(&tf));
            assert!(plain != tf && eps.iter().all(|&eps| eps == 1e-3), "{name} at {h}x{w}");
        }
    }
}

#[test]
fn same_padding_makes_sizes_over_strides_rounded_up_with_the_least() {
    for (size, kernel, stride) in (1..=12).flat_map(|n| (1..=7).flat_map(move |k| (1..=4).map(move |s| (n, k, s)))) {
        let Padding { before, after } = Padding::same(size, kernel, stride);
        let outputs = |padded: usize| padded.checked_sub(kernel).map_or(0, |rest| rest / stride + 1);
        let case = format!("{kernel} over {size} by {stride}: {before} and {after}");
        assert_eq!(outputs(before + size + after), size.div_ceil(stride), "{case}");
        assert!(before + after == 0 || outputs(before + size + after - 1) < size.div_ceil(stride), "{case}");
        assert!(after == before || after == before + 1, "{case}");
    }
}

#[test]
fn kernel_sizes_of_rexnet_lite_are_a_parameter() {
    let net = spec("rexnet_lite").with_kernel_conf([3, 5, 3, 5, 3, 7]).build().unwrap();
    let weight = |name: &str| net.params().into_iter().find(|p| p.name == name).unwrap().shape;
    assert_eq!(weight("features.3.out.0.weight"), [32, 1, 3, 3]);
    assert_eq!(weight("features.4.out.3.weight"), [96, 1, 5, 5]);
    assert_eq!(weight("features.18.out.3.weight"), [1008, 1, 7, 7]);
    let plain = build("rexnet_lite");
    assert_eq!(net.node(net.outputs()[0]).shape, plain.node(plain.outputs()[0]).shape);
}

#[test]
fn unknown_names_suggest_the_nearest() {
    for (name, suggestion) in [
        ("mobilnet_v2", "mobilenet_v2"),
        ("mobilenetv2", "mobilenet_v2"),
        ("rexnet-lite", "rexnet_lite"),
        ("rexnett_x1.0", "rexnet_x1.0"),
        ("efficientnet_b4", "efficientnet_b"),
        ("efficientnet_b0_ft", "efficientnet_b0_tf"),
        ("shufflenet", "shufflenet_v1"),
        ("", ""),
    ] {
        let error = name.parse::<Spec>().unwrap_err();
        let ZooError::Unknown { nearest, .. } = &error else { panic!("{name}: {error}") };
        assert!(nearest.starts_with(suggestion), "{error}");
        assert!(error.to_string().contains(&format!("'{name}'")), "{error}");
    }
}

#[test]
fn bad_parameters_are_named_with_their_values() {
    for (name, attribute, value) in [
        ("rexnet_x0", "width", "0"),
        ("rexnet_x-1", "width", "-1"),
        ("rexnet_xNaN", "width", "NaN"),
        ("rexnet_xinf", "width", "inf"),
        ("rexnet_x1e30", "width", "1000000000000000000000000000000"),
        ("rexnet_xwide", "width", "wide"),
        ("mobilenet_v2_x1.0@31x224", "height", "31"),
        ("mobilenet_v2_x1.0@224x1025", "width in pixels", "1025"),
        ("mobilenet_v2_x1.0@224", "resolution", "224"),
        ("mobilenet_v2_x1.0@x", "resolution", "x"),
        ("mobilenet_v2_x1.0@99999999999999999999999x224", "resolution", "99999999999999999999999x224"),
        ("shufflenet_v1_g5_x1.0", "groups", "5"),
        ("shufflenet_v1_g0", "groups", "0"),
        ("shufflenet_v1_g-1", "groups", "-1"),
        ("rexnet_g1_x1.0", "groups", "1"),
        ("rexnet_tf", "variant", "tf"),
        ("mobilenet_v2_torch_x1.4", "variant", "torch"),
    ] {
        expect_parameter(name.parse::<Spec>().unwrap_err(), attribute, value);
    }
    expect_parameter(spec("rexnet").with_classes(0).build().unwrap_err(), "classes", "0");
    expect_parameter(spec("rexnet").with_classes(usize::MAX).build().unwrap_err(), "classes", &usize::MAX.to_string());
    expect_parameter(spec("rexnet").with_variant(Variant::Tf).build().unwrap_err(), "variant", "tf");
    expect_parameter(spec("rexnet").with_groups(2).build().unwrap_err(), "groups", "2");
    expect_parameter(spec("rexnet").with_kernel_conf([5; 6]).build().unwrap_err(), "kernel_conf", "[5, 5, 5, 5, 5, 5]");
    expect_parameter(spec("rexnet_lite").with_kernel_conf([3, 3, 3, 4, 3, 3]).build().unwrap_err(), "kernel_conf", "4");
    expect_parameter(spec("rexnet").with_width(f64::NAN).build().unwrap_err(), "width", "NaN");
}

fn expect_parameter(error: ZooError, attribute: &str, value: &str) {
    let ZooError::Parameter { attribute: found, value: found_value, .. } = &error else { panic!("{error}") };
    assert_eq!((*found, found_value.as_str()), (attribute, value), "{error}");
}

fn any_spec() -> impl Strategy<Value = Spec> {
    let sizes = 32..=1024usize;
    let groups = prop::sample::select(vec![1usize, 2, 3, 4, 8]);
    let variant = prop::option::of(prop::sample::select(Variant::ALL.to_vec()));
    let drawn = (0..zoo::entries().len(), groups, variant, 0.05..8.0f64, (sizes.clone(), sizes));
    drawn.prop_map(|(entry, groups, variant, width, (h, w))| {
        let spec = spec(zoo::entries()[entry].family).with_width(width).with_resolution(h, w);
        match variant.filter(|variant| spec.entry().variants().contains(variant)) {
            Some(variant) => spec.with_variant(variant),
            None if spec.entry().family.starts_with("shufflenet") => spec.with_groups(groups),
            None => spec,
        }
    })
}

proptest! {
    #[test]
    fn specifications_survive_printing(spec in any_spec()) {
        prop_assert_eq!(spec.to_string().parse::<Spec>(), Ok(spec));
    }

    #[test]
    fn specifications_in_range_build(spec in any_spec(), head: bool, classes in 1..2000usize) {
        let net = spec.clone().with_head(head).with_classes(classes).build();
        prop_assert_eq!(net.map(|net| net.outputs().len()), Ok(if head { 1 } else { 4 }), "{}", spec);
    }

    #[test]
    fn no_parameters_panic(
        entry in 0..zoo::entries().len(),
        groups: usize,
        width: f64,
        resolution: (usize, usize),
        classes: usize,
        head: bool,
        kernel_conf: [usize; 6],
    ) {
        let wild = spec(zoo::entries()[entry].family).with_width(width).with_groups(groups).with_classes(classes);
        let wild = wild.with_resolution(resolution.0, resolution.1).with_head(head).with_kernel_conf(kernel_conf);
        let _ = wild.to_string();
        prop_assert!(wild.build().is_err());
    }

    #[test]
    fn no_text_panics(tail in "\\PC{0,24}", entry in 0..zoo::entries().len(), mark in "(_x|_g|@|)") {
        let _ = format!("{}{mark}{tail}", zoo::entries()[entry].family).parse::<Spec>();
        let _ = tail.parse::<Spec>();
    }
}
