//! The text of generated crates: as rustfmt leaves it, and the same for the same input.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::process::Command;

use sartor_codegen::emit::{Generated, Kind, generate};
use sartor_kernels::runtime::Level;
use sartor_models::{Network, Weights, zoo};

fn network(name: &str) -> Network {
    name.parse::<zoo::Spec>().unwrap().build().unwrap()
}

fn crate_of(network: &Network, batch: usize, kind: Kind) -> Generated {
    generate(network, &Weights::random(network, 1), &Level::ALL, batch, kind).unwrap()
}

/// Writes a crate's sources and lets rustfmt judge every one of them.
fn check_format(network: &Network, batch: usize, kind: Kind) {
    let dir = tempfile::tempdir().unwrap();
    let mut sources = Vec::new();
    for (path, bytes) in crate_of(network, batch, kind).files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        sources.extend(path.extension().is_some_and(|e| e == "rs").then_some(path));
    }
    assert!(sources.len() >= 6, "{sources:?}");
    let output = Command::new("rustfmt").args(["--check", "--edition", "2021"]).args(&sources).output().unwrap();
    let differences = String::from_utf8_lossy(&output.stdout);
    let what = format!("{} x {batch}, {kind:?}", network.name);
    assert!(output.status.success(), "{what}:\n{differences:.3000}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(differences, "", "{what}");
}

#[test]
fn every_family_of_the_zoo_is_printed_as_rustfmt_leaves_it() {
    for family in zoo::entries() {
        check_format(&family.defaults()[0].build().unwrap(), 1, Kind::Lib);
    }
}

#[test]
fn every_kind_and_batch_is_printed_as_rustfmt_leaves_it() {
    for name in ["rexnet_digits", "shufflenet_v1_g3@96x64", "mobilenet_v2_x0.35@64x96"] {
        for (batch, kind) in [(1, Kind::Bin), (3, Kind::Dylib), (2, Kind::Bin)] {
            check_format(&network(name), batch, kind);
        }
    }
    let headless = "mobilenet_v2_x1.0@64x64".parse::<zoo::Spec>().unwrap().with_head(false).build().unwrap();
    check_format(&headless, 1, Kind::Bin);
}

fn digest(generated: &Generated) -> u64 {
    let mut hasher = DefaultHasher::new();
    generated.files.hash(&mut hasher);
    hasher.finish()
}

const DIGEST_IN: &str = "SARTOR_PRINT_DIGEST";

/// The crate has the same bytes when it is generated again, and in another process, whose hash maps have other seeds.
#[test]
fn the_same_input_gives_the_same_bytes() {
    let all: Vec<u64> = ["shufflenet_v1_g3@64x64", "efficientnet_b0@64x64"]
        .map(|name| digest(&crate_of(&network(name), 2, Kind::Bin)))
        .into_iter()
        .collect();
    if std::env::var_os(DIGEST_IN).is_some() {
        println!("digests {all:?}");
        return;
    }
    let again = digest(&crate_of(&network("shufflenet_v1_g3@64x64"), 2, Kind::Bin));
    assert_eq!(again, all[0]);
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_same_input_gives_the_same_bytes", "--nocapture"])
        .env(DIGEST_IN, "1")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&other.stdout);
    assert!(printed.contains(&format!("digests {all:?}")), "{all:?}, and in another process: {printed}");
}
