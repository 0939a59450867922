//! Several generated crates in one program, one of them twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use sartor_codegen::compile::{Kind, generate};
use sartor_codegen::{interpret, normalize, pack};
use sartor_kernels::runtime::Level;
use sartor_models::{Builder, Network, Op, Shape, Weights, Window};

use crate::{build, golden, stdout};

/// Of another name than `golden`, without weights.
fn other() -> Network {
    let mut net = Builder::new("other", Shape::new(2, 4, 4)).unwrap();
    let pool = net.add("pool", Op::MaxPool(Window::square(2, 2, 0)), &[net.input()]).unwrap();
    net.finish(&[pool]).unwrap()
}

const PROGRAM: &str = r#"
#![forbid(unsafe_code)]

macro_rules! run {
    ($network:ident) => {{
        let program = $network::best().unwrap().unwrap();
        let input: Vec<f32> = (0..program.input_len()).map(|i| (i % 7) as f32 - 3.0).collect();
        let mut output = vec![0.0; program.output_len()];
        $network::runtime::Session::new(program, 2).unwrap().run(&input, &mut output).unwrap();
        println!("{:?}", output.iter().map(|x| x.to_bits()).collect::<Vec<u32>>());
    }};
}

fn main() {
    run!(first);
    run!(second);
    run!(other);
}
"#;

/// What `PROGRAM` prints of a network.
fn expected(network: &Network, seed: u64) -> String {
    let weights = Weights::random(network, seed);
    let plan = generate(network, &weights, &[Level::Portable], 1, Kind::Lib).unwrap().plans.remove(0);
    let packed = pack::pack(&normalize::normalize(network, &weights).unwrap());
    let input: Vec<f32> = (0..plan.lengths.input).map(|i| (i % 7) as f32 - 3.0).collect();
    let (_, output) = interpret::plan(&plan, &packed.data, &input, 1);
    format!("{:?}", output.iter().map(|x| x.to_bits()).collect::<Vec<u32>>())
}

/// The global symbols that a library defines.
fn exported(file: &Path, options: &[&str]) -> BTreeSet<String> {
    let listed = Command::new("nm").args(["--extern-only", "--defined-only", "--format=posix"]).args(options).arg(file).output();
    let listed = stdout(&listed.expect("nm, which comes with the linker, lists symbols"));
    // A symbol's line is its name, one letter for its kind, and where it lies.
    let symbols = listed.lines().filter_map(|line| line.split_once(' ')).filter(|(_, rest)| rest.chars().nth(1) == Some(' '));
    symbols.map(|(name, _)| name.to_string()).collect()
}

#[test]
fn crates_of_one_name_and_of_others_live_in_one_program() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    // The second is of the same name as the first, as a dependency that Cargo renames.
    let libraries = [
        ("first", build(&golden(), 1, Kind::Lib, "first", dir.path())),
        ("second", build(&golden(), 2, Kind::Bin, "second", dir.path())),
        ("other", build(&other(), 1, Kind::Lib, "other", dir.path())),
    ];
    let mut rustc = Command::new("rustc");
    std::fs::write(at("user.rs"), PROGRAM).unwrap();
    rustc.args(["--edition", "2024", "-D", "warnings", "--out-dir"]).arg(dir.path()).arg(at("user.rs"));
    for (name, library) in &libraries {
        rustc.arg("--extern").arg(format!("{name}={}", library.display()));
    }
    stdout(&rustc.output().unwrap());
    let printed = stdout(&Command::new(at("user")).output().unwrap());
    let all = [expected(&golden(), 1), expected(&golden(), 2), expected(&other(), 1)];
    assert!(all[0] != all[1], "other weights, other values");
    assert_eq!(printed.lines().collect::<Vec<_>>(), all);
    // Rust's names hold the crate's name and a number of its own.
    for (name, library) in &libraries {
        let symbols = exported(library, &[]);
        let plain: Vec<&String> = symbols.iter().filter(|symbol| !is_mangled(symbol)).collect();
        assert!(plain.is_empty(), "{name} exports names that others may have: {plain:?}");
        assert!(symbols.iter().any(|symbol| symbol.contains("Session")), "{name}: {symbols:?}");
    }
}

/// Whether a symbol's name is of Rust's making, which no other crate has, or the weak one that all crates share.
fn is_mangled(symbol: &str) -> bool {
    symbol.starts_with("_ZN") || symbol.starts_with("_R") || symbol == "DW.ref.rust_eh_personality"
}

#[test]
fn a_shared_library_has_one_symbol() {
    let dir = tempfile::tempdir().unwrap();
    let library = build(&golden(), 1, Kind::Dylib, "golden", dir.path());
    assert_eq!(exported(&library, &["--dynamic"]), BTreeSet::from(["sartor_program".to_string()]));
}
