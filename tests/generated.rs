//! Generated crates as their users meet them: no warnings, no dependencies, small.

use std::path::Path;
use std::process::Command;

use sartor::tune::Tunings;
use sartor::{CompileOptions, Kind, Level, Weights, compile, models::zoo::Spec};

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// A network whose crate holds all levels: every printer's text, though this machine runs but some of it.
fn crate_of(name: &str, kind: Kind, dir: &Path) -> u64 {
    let network = name.parse::<Spec>().unwrap().build().unwrap();
    let options = CompileOptions { levels: Level::ALL.to_vec(), batch: 1, kind, tunings: Tunings::shipped() };
    compile(&network, &Weights::random(&network, 1), &options, dir).unwrap().artifact_bytes
}

#[test]
fn clippy_and_rustc_alone_take_a_crate_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    for (name, kind) in [("rexnet_x1.0@32x32", Kind::Bin), ("shufflenet_v1_g3@32x32", Kind::Lib)] {
        let at = dir.path().join(format!("{kind:?}"));
        crate_of(name, kind, &at);
        run(Command::new(env!("CARGO")).args(["clippy", "--offline", "--", "-D", "warnings"]).current_dir(&at));
        let mut rustc = Command::new("rustc");
        rustc.args([
            "--edition",
            "2021",
            "--crate-type",
            "rlib",
            "--crate-name",
            "alone",
            "-D",
            "warnings",
            "--emit",
            "metadata",
        ]);
        run(rustc.arg("--out-dir").arg(dir.path()).arg(at.join("src/lib.rs")).current_dir(dir.path()));
    }
}

#[test]
fn a_program_is_no_larger_than_its_weights_and_a_little_for_each_level() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("mobilenet");
    let artifact = crate_of("mobilenet_v2_x1.0@64x64", Kind::Bin, &at);
    let weights = std::fs::metadata(at.join("weights.bin")).unwrap().len();
    // The levels of this architecture are compiled in.
    let levels = if cfg!(target_arch = "x86_64") { 3 } else { 2 };
    assert!(artifact <= weights + levels * 1_500_000, "{artifact} bytes for {weights} of weights");
}
