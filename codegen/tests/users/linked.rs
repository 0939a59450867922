//! Several generated crates in one program, one of them twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use sartor_codegen::compile::{Kind, generate};
use sartor_codegen::interpret;
use sartor_codegen::network::normalize;
use sartor_codegen::network::pack;
use sartor_kernels::runtime::Level;
use sartor_models::{Builder, Network, Op, Shape, Weights, Window};

use crate::{build, build_for, golden, stdout};

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
        let input: Vec<f32> = (0..$network::INPUT_LEN).map(|i| (i % 7) as f32 - 3.0).collect();
        let mut output = [0.0_f32; $network::OUTPUT_LEN];
        $network::Model::new(2).unwrap().run(&input, &mut output).unwrap();
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

/// The examples in the documentation are compiled and run.
#[test]
fn the_documentation_is_true() {
    let dir = tempfile::tempdir().unwrap();
    let library = build(&golden(), 1, Kind::Bin, "golden", dir.path());
    let mut rustdoc = Command::new("rustdoc");
    rustdoc
        .args(["--test", "--edition", "2024", "--crate-name", "golden", "--extern"])
        .arg(format!("golden={}", library.display()));
    let printed = stdout(&rustdoc.arg(dir.path().join("golden/src/lib.rs")).current_dir(dir.path()).output().unwrap());
    assert!(printed.contains("1 passed; 0 failed; 0 ignored"), "{printed}");
}

/// A crate without a level for this CPU builds, and says what it has.
#[test]
fn a_crate_for_other_machines_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = if cfg!(target_arch = "aarch64") { Level::Avx2 } else { Level::Neon };
    let library = build_for(&golden(), 1, &[elsewhere], Kind::Lib, "golden", dir.path());
    let source = dir.path().join("user.rs");
    let main = format!(
        "fn main() {{ println!(\"{{}}; {{}}\", golden::Model::new(1).unwrap_err(), golden::Model::with_level(golden::Level::{elsewhere:?}, 1).unwrap_err()) }}"
    );
    std::fs::write(&source, main).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "-D", "warnings", "--out-dir"]).arg(dir.path()).arg(&source);
    stdout(&rustc.arg("--extern").arg(format!("golden={}", library.display())).output().unwrap());
    let printed = stdout(&Command::new(dir.path().join("user")).output().unwrap());
    let expected = format!(
        "no level compiled in runs on this CPU: this crate has {elsewhere}; this CPU cannot run level {elsewhere}: compile for a lower one\n"
    );
    assert_eq!(printed, expected);
}

/// The environment may forbid all levels that there are.
#[test]
fn a_variable_that_allows_no_level_is_named() {
    if !Level::Avx2.is_available() {
        return sartor_kernels::report::skipped("SARTOR_MAX_LEVEL below all levels of a crate", "it takes a CPU with avx2");
    }
    let dir = tempfile::tempdir().unwrap();
    let library = build_for(&golden(), 1, &[Level::Avx2], Kind::Lib, "golden", dir.path());
    let source = dir.path().join("user.rs");
    std::fs::write(&source, "fn main() { println!(\"{}\", golden::Model::new(1).unwrap_err()) }").unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "-D", "warnings", "--out-dir"]).arg(dir.path()).arg(&source);
    stdout(&rustc.arg("--extern").arg(format!("golden={}", library.display())).output().unwrap());
    let said = |max: &str| stdout(&Command::new(dir.path().join("user")).env("SARTOR_MAX_LEVEL", max).output().unwrap());
    assert_eq!(said("portable"), "SARTOR_MAX_LEVEL allows no level that runs on this CPU: this crate has avx2\n");
    assert!(said("fast").starts_with("level 'SARTOR_MAX_LEVEL=fast' is unknown"), "{}", said("fast"));
}
