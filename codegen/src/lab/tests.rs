use proptest::prelude::*;
use sartor_models::{Conv2d, Op, Padding, Weights, zoo};

use super::{LayerLine, Problem};
use crate::lab::testing::graphs;
use crate::network::normalize::normalize;

proptest! {
    #[test]
    fn what_is_printed_is_parsed(problem in graphs::problem()) {
        let line = problem.to_string();
        let parsed: Problem = line.parse().unwrap();
        prop_assert_eq!(&parsed, &problem, "{}", line);
        prop_assert_eq!(parsed.to_string(), line);
    }

    #[test]
    fn any_text_is_parsed_or_refused_at_a_place_in_it(
        text in "((mb2)?ic3ih[0-9]iw9|level=avx2|threads=[0-9]{1,30}|conv_oc8(kh3)?|relu|add@[0-9],1|out@[0-9]|g1ic4oc4_ih3|bn_eps-?1|\u{e9}|[ =_@,])*"
    ) {
        if let Err(error) = text.parse::<Problem>() {
            prop_assert!(text.is_char_boundary(error.at), "{} of {:?}", error, text);
        }
    }
}

/// The lines that reports print for all layers of the zoo can be parsed again, and as networks that hold such a layer.
#[test]
fn lines_of_layers_are_replayed() {
    let mut lines = 0;
    for name in zoo::defaults() {
        let network = name.parse::<zoo::Spec>().unwrap().with_resolution(40, 56).build().unwrap();
        let layers = normalize(&network, &Weights::random(&network, 0)).unwrap();
        for layer in &layers.layers {
            let shown = LayerLine::of(&layers, layer, 2);
            let line = shown.to_string();
            assert_eq!(line.parse::<LayerLine>().as_ref(), Ok(&shown), "{line}");
            let problem: Problem = line.parse().unwrap();
            assert_eq!(problem.batch, 2);
            let replayed = normalize(&problem.network, &problem.weights()).unwrap();
            let last = replayed.layers.last().unwrap();
            assert_eq!(LayerLine { name: shown.name.clone(), ..LayerLine::of(&replayed, last, 2) }, shown, "{problem}");
            lines += 1;
        }
    }
    println!("{lines} layers");
    assert!(lines > 500);
}

/// Padding that is left out is that of the other side, or that of the rows.
#[test]
fn sides_are_padded_apart() {
    let cases = [
        ("ph1", [1, 1, 1, 1]),
        ("ph1pw0", [1, 1, 0, 0]),
        ("phe1", [0, 1, 0, 1]),
        ("ph1phe0", [1, 0, 1, 0]),
        ("phe1pwe0", [0, 1, 0, 0]),
        ("ph1phe2pw0", [1, 2, 0, 0]),
        ("ph1phe2pw0pwe1", [1, 2, 0, 1]),
        ("ph1pwe2", [1, 1, 1, 2]),
    ];
    for (sizes, [top, bottom, left, right]) in cases {
        let line = format!("ic3ih9iw9 conv_oc8kh3{sizes}");
        let problem: Problem = line.parse().unwrap();
        let Op::Conv2d(conv) = problem.network.nodes()[1].op else { panic!("{line}") };
        assert_eq!(
            conv.window.padding,
            (Padding { before: top, after: bottom }, Padding { before: left, after: right }),
            "{line}"
        );
        assert!(problem.to_string().ends_with(&line), "{problem}");
    }
}

/// oneDNN counts the pixels that are left out between taps.
#[test]
fn dilated_windows_are_replayed() {
    for (sizes, dilation) in [("dh1", (2, 2)), ("dh1dw0", (2, 1)), ("dw2", (1, 3)), ("sh2dh1ph1", (2, 2))] {
        for line in [format!("ic3ih9iw9 conv_oc8kh3{sizes}"), format!("ic3ih9iw9 maxpool_kh3{sizes}")] {
            let problem: Problem = line.parse().unwrap();
            assert_eq!(problem.to_string(), line);
            let (Op::Conv2d(Conv2d { window, .. }) | Op::MaxPool(window)) = problem.network.nodes()[1].op else {
                panic!("{line}")
            };
            assert_eq!(window.dilation, dilation, "{line}");
            let layers = normalize(&problem.network, &problem.weights()).unwrap();
            assert_eq!(layers.layers.last().unwrap().op.window(), window, "{line}");
        }
    }
    let line = "g1ic3oc8_ih9oh5kh3dh1ph0_iw9ow7kw3dw2pw2_n\"x\"";
    let layer: LayerLine = line.parse().unwrap();
    assert_eq!(layer.to_string(), line);
    let problem: Problem = line.parse().unwrap();
    let Op::Conv2d(conv) = problem.network.nodes()[1].op else { panic!("{line}") };
    assert_eq!((conv.window.dilation, conv.window.padding), ((2, 3), (Padding::both(0), Padding::both(2))));
}

/// Padding that an average does not count is part of its line, and of the line of its layer.
#[test]
fn averages_say_what_they_count() {
    for sizes in ["kh3ph1", "kh3ph1ch0che0cw0cwe0", "kh3sh2ph1phe2che0cwe0", "kh3ph1cw0"] {
        let line = format!("ic3ih10iw10 conv_oc8 avgpool_{sizes}");
        let problem: Problem = line.parse().unwrap();
        assert_eq!(problem.to_string(), line);
        let layers = normalize(&problem.network, &problem.weights()).unwrap();
        let layer = LayerLine::of(&layers, layers.layers.last().unwrap(), 1);
        let replayed: Problem = layer.to_string().parse().unwrap();
        let op = |problem: &Problem| problem.network.nodes().last().unwrap().op;
        assert_eq!(op(&replayed), op(&problem), "{layer}");
    }
}

/// As in oneDNN, the size of the result decides the padding below and on the right.
#[test]
fn a_layers_line_says_the_padding_behind_by_the_size_of_the_result() {
    let cases = [
        ("ih9oh9kh3ph1", Padding::both(1)),
        ("ih8oh4kh3sh2ph1", Padding::both(1)),
        ("ih8oh4kh3sh2ph0", Padding { before: 0, after: 1 }),
        ("ih7oh3kh3sh2ph1", Padding { before: 1, after: 0 }),
        ("ih8oh4kh5sh2ph1", Padding { before: 1, after: 2 }),
        ("ih1oh1kh5ph0", Padding { before: 0, after: 4 }),
        // Some windows see nothing but padding.
        ("ih1oh4kh1ph0", Padding { before: 0, after: 3 }),
    ];
    for (rows, padding) in cases {
        let line = format!("g1ic3oc8_{rows}_iw9ow9kw3pw1_n\"x\"");
        let problem: Problem = line.parse().unwrap();
        let Op::Conv2d(conv) = problem.network.nodes()[1].op else { panic!("{line}") };
        assert_eq!(conv.window.padding, (padding, Padding::both(1)), "{line}");
    }
}

#[test]
fn faults_say_where_they_are() {
    let cases = [
        ("", 0, "there is no network"),
        ("level=avx2 ", 11, "there is no network"),
        ("level=avx3 ic3ih9iw9", 6, "avx3"),
        ("threads=0 ic3ih9iw9", 8, "1 to 64"),
        ("seed=1 seed=2 ic3ih9iw9", 7, "twice"),
        ("colour=red ic3ih9iw9", 0, "'colour'"),
        ("ic3ih9", 0, "'iw'"),
        ("ic3ih0iw9", 0, "every dimension"),
        ("mb0ic3ih9iw9", 0, "at least 1 image"),
        ("ic3ih9iw9 conv", 14, "'oc'"),
        ("ic3ih9iw9 conv_oc8kz3", 18, "begins with one of"),
        ("ic3ih9iw9 conv_oc8oc8", 18, "twice"),
        ("ic3ih9iw9 conv_oc99999999999999999999", 17, "too large"),
        ("ic3ih9iw9 conv_oc8_base", 19, "only 'bias'"),
        ("ic3ih9iw9 relu conv_g2oc8", 15, "does not divide 3"),
        ("ic3ih9iw9 slice_at1", 16, "'oc'"),
        ("ic3ih9iw9 slice_oc2at2", 10, "from channel 2 on, 2 channels: the input has 3 channels"),
        ("ic3ih9iw9 transpose_c0h1w1", 10, "order is [0, 1, 1]: must hold 0, 1 and 2, each once"),
        ("ic3ih9iw9 reshape_oc3oh80", 10, "must have the 243 elements of 3x9x9"),
        ("ic3ih9iw9 relu add@1,2", 21, "the last node before this is 1"),
        ("ic3ih9iw9 glu", 10, "no such operator"),
        ("ic3ih9iw9 relu_oc3", 15, "has no sizes"),
        ("ic3ih9iw9 bn_eps-1", 10, "must be positive"),
        // 2^60 weights, which the size of no map betrays.
        ("ic1073741824ih1iw1 mean linear_oc1073741824", 24, "too large"),
        ("ic3ih9iw9 out@0 relu", 16, "nothing may follow"),
        ("g1ic3oc8_ih9oh9kh3ph1_iw9ow9kw3pw1", 0, "_n\"NAME\""),
        ("g1ic3oc8_ih9oh7kh3ph1_iw9ow9kw3pw1_n\"x\"", 0, "the result is 8x9, not 7x9"),
        ("g1ic3oc8_ih9oh0kh3ph1_iw9ow9kw3pw1_n\"x\"", 0, "the result is 9x9, not 0x9"),
        ("g1ic3oc8_ih9oh9kh3sh0ph1_iw9ow9kw3pw1_n\"x\"", 0, "stride is 0"),
        ("g1ic3oc8_ih9oh18446744073709551615kh3sh2ph1_iw9ow9kw3pw1_n\"x\"", 0, "not 18446744073709551615x9"),
        (
            "maxpool_ic3_ih9oh11kh3ph1_iw9ow9kw3pw1_n\"x\"",
            0,
            "vertical padding is 1 in front and 3 behind: window 10 of 11 lies wholly in padding",
        ),
        ("ic3ih9iw9 maxpool_kh3phe3", 10, "vertical padding is 0 in front and 3 behind: window 9 of 10 lies wholly in padding"),
        ("ic3ih1iw9 maxpool_kh2dh9ph5", 10, "vertical padding is 5 in front and 5 behind: window 0 of 1 lies wholly in padding"),
        (
            "ic3ih9iw9 avgpool_kh3ph1ch2",
            10,
            "counted rows is 2 in front and 1 behind: at most the padding of 1 in front and 1 behind",
        ),
        ("ic3ih9iw9 conv_oc8kh3ph18446744073709551615", 10, "larger than the padded input"),
        ("ic3ih9iw9 conv_oc8kh3phe18446744073709551615", 10, "larger than the padded input"),
        ("ic3ih9iw9 conv_oc8kh3dh4", 10, "3 with dilation 5: larger than the padded input of 0 + 9 + 0"),
        ("ic3ih9iw9 conv_oc8kh3dh9223372036854775807", 10, "larger than the padded input"),
        ("ic3ih9iw9 conv_oc8kh3dh18446744073709551615", 23, "dilation is too large"),
        ("ic3ih9iw9 avgpool_kh3dh1", 10, "average pooling has none"),
        ("ic3_ih9oh9kh1ph0_iw9ow9kw1pw0_n\"x\"", 0, "'g'"),
    ];
    for (line, at, what) in cases {
        let error = line.parse::<Problem>().unwrap_err();
        assert!(error.at == at && error.to_string().contains(what), "{line}: {error}");
    }
}
