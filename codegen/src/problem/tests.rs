use proptest::prelude::*;
use sartor_models::{Weights, zoo};

use super::{LayerLine, Problem};
use crate::normalize::normalize;
use crate::testing::graphs;

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

/// The reports' lines of all layers of the zoo parse as what was printed, and as networks that hold such a layer.
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
        ("ic3ih9iw9 relu add@1,2", 21, "the last node before this is 1"),
        ("ic3ih9iw9 gelu", 10, "no such operator"),
        ("ic3ih9iw9 relu_oc3", 15, "has no sizes"),
        ("ic3ih9iw9 bn_eps-1", 10, "must be positive"),
        // 2^60 weights, which no map gives away.
        ("ic1073741824ih1iw1 mean linear_oc1073741824", 24, "too large"),
        ("ic3ih9iw9 out@0 relu", 16, "nothing may follow"),
        ("g1ic3oc8_ih9oh9kh3ph1_iw9ow9kw3pw1", 0, "_n\"NAME\""),
        ("g1ic3oc8_ih9oh8kh3ph1_iw9ow9kw3pw1_n\"x\"", 0, "the result is 9x9, not 8x9"),
        ("ic3_ih9oh9kh1ph0_iw9ow9kw1pw0_n\"x\"", 0, "'g'"),
    ];
    for (line, at, what) in cases {
        let error = line.parse::<Problem>().unwrap_err();
        assert!(error.at == at && error.to_string().contains(what), "{line}: {error}");
    }
}
