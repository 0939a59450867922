//! Generated crates as users get them: small, without warnings, without dependencies, independent of this repository.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use sartor::Tunings;
use sartor::codegen::compile::{generate, together};
use sartor::codegen::schedule::Options;
use sartor::data::npy;
use sartor::kernels::report::{checked, skipped};
use sartor::models::zoo;
use sartor::{CompileOptions, Kind, Level, Model, Network, Weights, compile};

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn network(name: &str) -> Network {
    name.parse::<zoo::Spec>().unwrap().build().unwrap()
}

fn write(network: &Network, levels: &[Level], kind: Kind, dir: &Path) {
    write_files(generate(network, &Weights::random(network, 1), levels, 1, kind).unwrap().files, dir);
}

fn write_files(files: Vec<(PathBuf, Vec<u8>)>, dir: &Path) {
    for (path, bytes) in files {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Writes a crate with the programs of every family, and crates of every kind of a small network.
fn every_family_and_kind(levels: &[Level], dir: &Path) -> Vec<PathBuf> {
    let mut crates = Vec::new();
    // The larger EfficientNets are the first one at other widths.
    let larger = ["efficientnet_b1", "efficientnet_b2", "efficientnet_b3"];
    let families = zoo::entries().iter().filter(|entry| !larger.contains(&entry.family));
    let families: Vec<Network> = families.map(|family| family.defaults()[0].build().unwrap()).collect();
    assert!(families.len() >= 9, "{}", families.len());
    let weights: Vec<Weights> = families.iter().map(|network| Weights::random(network, 1)).collect();
    for &level in levels {
        let networks: Vec<_> = families.iter().zip(&weights).collect();
        let files = together(&networks, &Options::new(level)).unwrap().files;
        crates.push(dir.join(format!("families_{level}")));
        write_files(files, crates.last().unwrap());
    }
    for kind in [Kind::Bin, Kind::Lib, Kind::Dylib, Kind::C, Kind::Wheel] {
        crates.push(dir.join(format!("{kind:?}")));
        write(&network("mobilenet_v1_x0.05@32x32"), levels, kind, crates.last().unwrap());
    }
    crates
}

#[test]
fn clippy_takes_every_family_and_kind_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let levels: Vec<Level> = Level::ALL.into_iter().filter(|level| level.is_available() || *level == Level::Portable).collect();
    for at in every_family_and_kind(&levels, dir.path()) {
        let mut clippy = Command::new(env!("CARGO"));
        clippy.args(["clippy", "--offline", "--manifest-path"]).arg(at.join("Cargo.toml")).args(["--", "-D", "warnings"]);
        run(clippy.current_dir("/"));
    }
    levels.iter().for_each(|level| checked(level.name(), 1, "text of each family and kind that clippy takes"));
}

/// The NEON text is compiled out on this machine, so clippy reads it as an aarch64 compiler does.
#[test]
fn clippy_takes_every_family_and_kind_for_aarch64() {
    if cfg!(target_arch = "aarch64") {
        return; // the test above did
    }
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/setup-aarch64.sh");
    let environment = PathBuf::from(run(Command::new(setup).arg("--env")).trim());
    if !environment.exists() {
        return skipped("clippy on the NEON text of generated crates", "run scripts/setup-aarch64.sh first");
    }
    let dir = tempfile::tempdir().unwrap();
    let crates = every_family_and_kind(&[Level::Neon], dir.path());
    // The toolchain's own clippy, where it has one.
    let script = ". \"$0\" && PATH=${0%/*}/bin:$PATH && cargo clippy --offline --target aarch64-unknown-linux-gnu --manifest-path $1 -- -D warnings";
    for at in &crates {
        run(Command::new("bash").args(["-c", script]).arg(&environment).arg(at.join("Cargo.toml")).current_dir("/"));
    }
    checked("neon", 1, "text of each family and kind that clippy takes");
}

#[test]
fn rustc_alone_takes_a_crate_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    for (name, kind) in [("rexnet_x1.0@32x32", Kind::Bin), ("shufflenet_v1_g3@32x32", Kind::Lib)] {
        let at = dir.path().join(format!("{kind:?}"));
        write(&network(name), &Level::ALL, kind, &at);
        let mut rustc = Command::new("rustc");
        rustc.args("--edition 2024 --crate-type rlib --crate-name alone -D warnings --emit metadata".split(' '));
        run(rustc.arg("--out-dir").arg(dir.path()).arg(at.join("src/lib.rs")).current_dir(dir.path()));
    }
}

/// Builds a program with what a user has: the crate and cargo, but neither a registry nor this repository.
fn build_offline(at: &Path, home: &Path, name: &Path) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    // Cargo reads settings in all parent folders. Everyone can write to the parent of temporary folders, so those do not serve.
    cargo.args(["build", "--release", "--offline", "--manifest-path"]).arg(at.join("Cargo.toml")).current_dir("/");
    run(sartor::without_settings(&mut cargo).env("CARGO_HOME", home));
    at.join("target/release").join(name)
}

#[test]
fn a_crate_builds_alone_to_the_same_bytes_and_holds_its_weights() {
    common::own_cache();
    let dir = tempfile::tempdir().unwrap();
    assert!(!dir.path().starts_with(env!("CARGO_MANIFEST_DIR")), "{} is inside this repository", dir.path().display());
    let network = network("rexnet_digits");
    let programs = ["first", "second place"].map(|place| {
        let at = dir.path().join(place);
        write(&network, &Level::ALL, Kind::Bin, &at);
        build_offline(&at, &dir.path().join("home"), "rexnet_digits".as_ref())
    });
    let [first, second] = programs.each_ref().map(|program| std::fs::read(program).unwrap());
    assert!(first == second, "two builds of one crate in two folders differ");

    // The program contains its weights, so it still runs after the crate's files are gone.
    let alone = dir.path().join("alone");
    std::fs::rename(&programs[0], &alone).unwrap();
    std::fs::remove_dir_all(dir.path().join("first")).unwrap();
    let (input, output) = (dir.path().join("in.npy"), dir.path().join("out.npy"));
    let image: Vec<f32> = (0..network.input_shape().len()).map(|i| (i % 97) as f32 / 48.0 - 1.0).collect();
    npy::write(&input, &[1, 3, 32, 32], &image).unwrap();
    run(Command::new(alone).arg(&input).args(["--level", "portable", "--output"]).arg(&output));
    let mut expected = vec![0.0; 10];
    let model = Model::open(&network, &Weights::random(&network, 1), Level::Portable).unwrap();
    model.session(1).unwrap().run(&image, &mut expected).unwrap();
    assert_eq!(npy::read(&output).unwrap().1, expected);

    // Planned for eight threads, its stages have other units and compute the same bits.
    let cut = Model::open_tuned(&network, &Weights::random(&network, 1), Level::Portable, 8, &Tunings::none()).unwrap();
    let units = |model: &Model| model.program().stages().iter().map(|stage| stage.units()).sum::<usize>();
    assert!(units(&cut) > units(&model), "{} units for eight threads, {} for two", units(&cut), units(&model));
    for threads in [1, 3, 8] {
        let mut output = vec![0.0; 10];
        cut.session(threads).unwrap().run(&image, &mut output).unwrap();
        assert_eq!(output, expected, "{threads} threads");
    }
}

/// `compile` builds the same library that users get when they build the crate themselves.
#[test]
fn cargo_builds_the_same_machine_code() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("out");
    let network = network("mobilenet_v1_x0.05@32x32");
    let options =
        CompileOptions { levels: vec![Level::Portable], threads: 1, tunings: Tunings::none(), ..CompileOptions::default() };
    let ours = compile(&network, &Weights::random(&network, 1), &options, &at).unwrap().artifact;
    let code = |program: &Path| {
        use object::{Object, ObjectSection};
        let bytes = std::fs::read(program).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let length = |name: &str| file.section_by_name(name).map(|section| section.size());
        (bytes.len(), length(".text"), length(".rodata"), length(".eh_frame"))
    };
    let before = code(&ours);
    assert!(before.1.is_some());
    assert_eq!(code(&build_offline(&at, &dir.path().join("home"), ours.file_name().unwrap().as_ref())), before);
}

#[test]
fn a_program_is_no_larger_than_its_weights_and_a_little_for_each_level() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("mobilenet");
    let network = network("mobilenet_v2_x1.0@64x64");
    let options = CompileOptions { threads: 1, ..CompileOptions::default() };
    let artifact = compile(&network, &Weights::random(&network, 1), &options, &at).unwrap().artifact_bytes;
    let weights = std::fs::metadata(at.join("weights.bin")).unwrap().len();
    // The levels of this architecture are compiled in.
    let levels = if cfg!(target_arch = "x86_64") { 3 } else { 2 };
    assert!(artifact <= weights + levels * 1_500_000, "{artifact} bytes for {weights} of weights");
}
