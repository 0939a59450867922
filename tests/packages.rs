//! Generated crates beside the user's own crates: under any name, several in one program, inside a workspace, in debug builds.

use std::path::Path;
use std::process::Command;

mod common;
use common::{Folder, fails, sartor};

const NETWORK: &str = "mobilenet_v1_x0.05@32x32";
const DERIVED: &str = "mobilenet_v1_x0_05_32x32";

fn compile(dir: &str, more: &[&str]) {
    sartor().args(["compile", NETWORK, "--levels", "portable", "--kind", "lib", "-o", dir]).args(more).assert().success();
}

/// A program at `path` that depends on crates, each `(name in the program, folder, package)`.
fn app(folder: &Folder, path: &str, crates: &[(&str, &str, &str)], main: &str) -> String {
    let dependency = |(name, dir, package): &(&str, &str, &str)| {
        format!("{name} = {{ path = {:?}, package = {package:?} }}\n", folder.path(dir))
    };
    let dependencies: String = crates.iter().map(dependency).collect();
    let manifest =
        format!("[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}");
    std::fs::create_dir_all(Path::new(&folder.path(path)).join("src")).unwrap();
    folder.file(&format!("{path}/src/main.rs"), main.as_bytes());
    folder.file(&format!("{path}/Cargo.toml"), manifest.as_bytes());
    folder.path(path)
}

/// What Cargo's program prints; Cargo says nothing of warnings.
fn cargo(dir: &str, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(args).arg("--offline").current_dir(dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("warning"), "{args:?} in {dir}:\n{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const BOTH: &str = "fn main() {
    let lens = [cats::best().unwrap().unwrap().output_len(), dogs::best().unwrap().unwrap().output_len()];
    println!(\"{lens:?}\");
}
";

#[test]
fn two_compiles_of_one_network_are_in_one_program() {
    let folder = Folder::new();
    compile(&folder.path("cats"), &["--classes", "2", "--seed", "1"]);
    compile(&folder.path("dogs"), &["--classes", "2", "--seed", "2"]);
    let dir = app(&folder, "same", &[("cats", "cats", DERIVED), ("dogs", "dogs", DERIVED)], BOTH);
    assert_eq!(cargo(&dir, &["run"]), "[2, 2]\n");

    compile(
        &folder.path("named"),
        &["--classes", "3", "--name", "dogs", "--crate-version", "1.2.3", "--description", "All \"dogs\"\n[lib]"],
    );
    let dir = app(&folder, "named_app", &[("cats", "cats", DERIVED), ("dogs", "named", "dogs")], BOTH);
    assert_eq!(cargo(&dir, &["run"]), "[2, 3]\n");
    let told: serde_json::Value =
        serde_json::from_str(&cargo(&folder.path("named"), &["metadata", "--format-version", "1", "--no-deps"])).unwrap();
    let package = &told["packages"][0];
    assert_eq!((&package["name"], &package["version"]), (&"dogs".into(), &"1.2.3".into()));
    assert_eq!(package["description"], "All \"dogs\"\n[lib]");
    assert_eq!(package["targets"].as_array().unwrap().len(), 1);
}

#[test]
fn names_that_cargo_would_not_take_are_refused_by_the_rule() {
    let folder = Folder::new();
    for (name, rule) in
        [("loop", "Rust's"), ("9net", "begin with a letter"), ("a b", "letters, digits"), ("std", "Rust has a crate")]
    {
        let out = folder.path("out");
        fails(&["compile", NETWORK, "--name", name, "-o", &out], &[&format!("'{name}' is not a valid crate name"), rule]);
    }
    fails(
        &["compile", NETWORK, "--crate-version", "1", "-o", &folder.path("out")],
        &["'1' is not a valid crate version", "0.1.0"],
    );
    assert_eq!(folder.entries(), 0);
}

#[test]
fn a_library_is_a_dependency_and_a_member_of_a_workspace() {
    let folder = Folder::new();
    folder.file("Cargo.toml", b"[workspace]\nmembers = [\"app\", \"member\"]\nexclude = [\"alone\"]\nresolver = \"2\"\n");
    app(&folder, "app", &[("net", "net", DERIVED)], "fn main() {\n    println!(\"{}\", net::OUTPUTS[0].0);\n}\n");
    compile(&folder.path("net"), &["--classes", "2"]);
    compile(&folder.path("member"), &["--classes", "2", "--name", "My-member__2"]);
    compile(&folder.path("alone"), &["--classes", "2", "--standalone"]);
    assert!(!Path::new(&folder.path("net/Cargo.lock")).exists(), "a dependency has no lock file of its own");
    assert_eq!(cargo(&folder.path("."), &["run"]), "classifier\n");
    cargo(&folder.path("."), &["check", "--workspace"]);
    cargo(&folder.path("member"), &["check"]);
    cargo(&folder.path("alone"), &["check"]);

    // The text is the same wherever it is written.
    let elsewhere = Folder::new();
    compile(&elsewhere.path("net"), &["--classes", "2"]);
    let text = |folder: &Folder| std::fs::read_to_string(folder.path("net/Cargo.toml")).unwrap();
    assert_eq!(text(&folder), text(&elsewhere));
    cargo(&elsewhere.path("net"), &["check"]);
}

/// Runs each level in a thread with so many KiB of stack.
const SMALL: &str = "use net::runtime::{Level, Session};

fn main() {
    let stack = std::env::args().nth(1).unwrap().parse::<usize>().unwrap() << 10;
    let run = || {
        for program in Level::ALL.into_iter().filter(|level| level.is_available()).filter_map(net::program) {
            let mut session = Session::new(program, 2).unwrap();
            let (input, mut output) = (vec![0.5; net::INPUT.iter().product()], vec![0.0; net::OUTPUTS[0].1.iter().product()]);
            session.run(&input, &mut output).unwrap();
            assert!(output.iter().all(|value: &f32| value.is_finite()));
        }
    };
    std::thread::Builder::new().stack_size(stack).spawn(run).unwrap().join().unwrap();
}
";

/// What docs/generated-crate.md says of debug builds: how much stack is enough, and what the profile of one package does.
#[test]
fn debug_builds_run_in_the_stack_that_the_docs_name() {
    let folder = Folder::new();
    compile(&folder.path("net"), &["--name", "net", "--levels", "avx512,avx2,neon"]);
    let dir = app(&folder, "app", &[("net", "net", "net")], SMALL);
    let runs = |kib: usize| Command::new(format!("{dir}/target/debug/app")).arg(kib.to_string()).status().unwrap().success();
    cargo(&dir, &["build"]);
    for kib in [64, 128, 256, 512] {
        println!("debug, {kib} KiB: {}", runs(kib));
    }
    assert!(runs(1024), "plain debug build");
    let manifest = std::fs::read_to_string(folder.path("app/Cargo.toml")).unwrap();
    folder.file("app/Cargo.toml", format!("{manifest}\n[profile.dev.package.net]\nopt-level = 3\n").as_bytes());
    cargo(&dir, &["build"]);
    for kib in [16, 32] {
        println!("debug at opt-level 3, {kib} KiB: {}", runs(kib));
    }
    assert!(runs(64), "the package at opt-level 3");
}
