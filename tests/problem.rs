//! `sartor verify --problem` accepts every problem line that tests and reports print.

mod common;

use predicates::str::contains;
use serde_json::Value;

const LINE: &str = "threads=3 mb2ic3ih9iw9 conv_oc16kh3ph1_bias relu conv_oc16 add@3,2 maxpool_kh3sh2ph1";

fn sartor(args: &[&str]) -> assert_cmd::assert::Assert {
    common::sartor().args(args).assert()
}

#[test]
fn is_interpreted_at_every_level_of_every_machine() {
    let output = sartor(&["verify", "--problem", LINE]).success();
    for level in ["avx512", "avx2", "neon", "portable"] {
        let head = format!("{LINE}\ninterpreted, level {level}\n");
        output.get_output().stdout.windows(head.len()).find(|text| *text == head.as_bytes()).expect(level);
    }
}

/// Found by fuzzing. When a node has few sums and all of them cancel, their roundings are large beside the results. The bound must allow that.
#[test]
fn few_sums_that_happen_to_cancel() {
    for line in ["ic1ih64iw4 conv_oc2 mean out@1,2", "level=avx512 fuse=off seed=15 ic1ih2iw6 mean relu"] {
        sartor(&["verify", "--problem", line]).success();
    }
}

/// Found by the laboratory. GELU subtracts what is nearly the same far below zero. The larger of 0 and -0 may be either. A part of a map that is
/// moved into has lanes of its own. Pad lanes that are computed hold what those hold that are not: 0 and not -0. Rows between two windows, which
/// none reads, are computed however units are split.
#[test]
fn cancelling_activations_signs_of_zeros_and_moved_parts() {
    for line in [
        "level=neon fuse=off seed=14596 ic1ih16iw37 concat@0,0,0 transpose_c2h0w1 reshape_oc37oh6ow8 conv_g37oc37kh5sh3ph2pw1pwe2 \
         bn_eps0.001 logsoftmax gelu add@7,5",
        "level=avx512 fuse=off seed=9868 data=integers ic7ih11iw8 conv_oc36kh3sh2ph1_bias maxpool_kh3sh2ph1@0 concat@2,1 \
         clipminfx0p75 maxpool_kh3ph1 maximum@4,5 conv_g43oc43kh3ph1 conv_oc7kh3sh2ph1 maxpool_kh3sh2ph1@7 concat@8,9 \
         affinem1p0x0p0 out@11,6",
        "level=neon l2=4096 fuse=off seed=17093 data=integers ic1ih1iw1 conv_oc13kh3sh2ph1 pad_ph2phe1pw2pwe2 conv_oc23kh3sh2ph1 \
         maxpool_kh3sh2ph1@2 concat@3,4 affinem1p0x0p0",
        "level=portable l2=4096 threads=2 tune=3 ic2ih15iw1 conv_g2oc2kh1kw1sh2ph0pw0_bias conv_g2oc2kh3ph1_bias conv_oc1",
        "level=avx2 fuse=off seed=38131 ic1ih1iw1 conv_oc8kh5kw7ph2pw6pwe0_bias concat@1,1",
    ] {
        sartor(&["verify", "--problem", line]).success();
    }
}

#[test]
fn the_level_of_the_line_gives_way_to_the_argument() {
    let line = format!("level=neon {LINE}");
    for (args, level) in [(&["--json"][..], "neon"), (&["--json", "--level", "avx512"], "avx512")] {
        let output = sartor(&[&["verify", "--problem", &line], args].concat()).success();
        let json: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
        assert_eq!(json["problem"], line);
        assert_eq!(json["failed"], 0);
        assert_eq!(json["levels"].as_array().unwrap().len(), 1);
        assert_eq!(json["levels"][0]["level"], level);
        assert!(json["levels"][0]["layers"].as_array().unwrap().len() >= 3);
    }
}

#[test]
fn a_problem_is_compiled_where_that_is_asked_for() {
    sartor(&["verify", "--problem", LINE, "--compiled", "--level", "portable"])
        .success()
        .stdout(contains("compiled, level portable"));
}

/// Where the first columns of a row meet only padding, sums that nothing is added to were the first of their array, and rustc refused it.
#[test]
fn windows_that_lie_wholly_in_padding_are_compiled() {
    for line in ["ic3ih5iw5 conv_oc4ph1pw1_bias", "ic3ih5iw5 conv_oc3 conv_g3oc3kh3ph3pw3"] {
        sartor(&["verify", "--problem", line, "--compiled", "--level", "portable"]).success();
    }
}

/// `show` prints a valid problem line for each layer of a small network.
#[test]
fn layers_that_are_shown_are_replayed() {
    let shown = sartor(&["show", "rexnet_digits", "--json", "--level", "portable"]).success();
    let shown: Value = serde_json::from_slice(&shown.get_output().stdout).unwrap();
    let layers = shown["layers"].as_array().unwrap();
    let mut lines: Vec<&str> = layers.iter().map(|layer| layer["problem"].as_str().unwrap()).collect();
    lines.dedup_by_key(|line| line.split_once("_n").unwrap().0);
    for line in lines.iter().step_by(6) {
        sartor(&["verify", "--problem", line, "--level", "avx2"]).success();
    }
}

#[test]
fn bad_lines_are_errors_that_say_where() {
    let cases = [
        ("ic3ih9iw9 glu", "column 11 of the problem: 'glu': there is no such operator"),
        ("", "column 1 of the problem: there is no network"),
        ("ic3ih9iw9 conv_oc8kh11", "kernel height is 11: larger than the padded input"),
        ("mb4000000000ic1ih1iw1 relu mean", "too large to interpret"),
    ];
    for (line, what) in cases {
        sartor(&["verify", "--problem", line]).failure().code(1).stderr(contains(what)).stderr(contains("help: "));
    }
    sartor(&["verify", "rexnet_digits", "--problem", LINE]).failure().code(2);
    sartor(&["verify"]).failure().code(2);
    sartor(&["verify", "rexnet_digits", "--compiled"]).failure().code(2);
}
