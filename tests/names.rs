//! Names from outside are never code: names of networks and nodes in generated crates, of tensors, classes and files on a terminal.

use std::path::Path;
use std::process::Command;

use sartor::codegen::compile::generate;
use sartor::data::npy;
use sartor::models::{Activation, Builder, Op, Shape};
use sartor::{CompileOptions, Kind, Level, Network, Weights, compile};

mod common;
use common::{Folder, PICTURE, fails, sartor};

const NAMES: [&str; 40] = [
    "plain",
    "loop",
    "self",
    "9net",
    "../../evil",
    "naïve 🦀",
    "say \"hi\"",
    "back\\slash",
    "new\nline",
    "x */ fn",
    "test",
    "std",
    "core",
    "`tick`",
    "{}",
    "a%b",
    "CRATE",
    "NETWORK",
    "tab\tx",
    "con",
    "\0",
    "crate",
    "network",
    "runtime",
    "weights",
    "portable",
    "outputs",
    "```",
    "``` rust\npanic!()",
    "a\r\nfn main() {}",
    "\n//! ```\n//! panic!()\n//! ```",
    "<b>",
    "[x]",
    "| a |",
    "- a\n- b",
    "\u{202e}a",
    "\u{9b}1m",
    "a\u{1b}[2J",
    "犬",
    "http://x.y",
];

/// A chain of activations with these names.
fn chain(name: &str, nodes: &[&str]) -> Network {
    let mut builder = Builder::new(name, Shape::new(3, 5, 7)).unwrap();
    let mut last = builder.input();
    let mut outputs = Vec::new();
    for node in nodes {
        last = builder.add(*node, Op::Activation(Activation::Relu6), &[last]).unwrap();
        outputs.push(last);
    }
    builder.finish(&outputs).unwrap()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn write(network: &Network, dir: &Path) {
    for (path, bytes) in generate(network, &Weights::random(network, 1), &[Level::Portable], 1, Kind::Bin).unwrap().files {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_program_whose_nodes_have_any_names_runs_and_prints_them_in_one_line() {
    let folder = Folder::new();
    let (dir, input) = (folder.path("crate"), folder.path("in.npy"));
    let network = chain("a\"\n[lib]\nproc-macro = true", &NAMES);
    let options = CompileOptions { levels: vec![Level::Portable], ..CompileOptions::default() };
    let built = compile(&network, &Weights::default(), &options, dir.as_ref()).unwrap();
    npy::write(input.as_ref(), &[3, 5, 7], &[0.25; 105]).unwrap();
    let refused = Command::new(&built.artifact).arg(format!("{HOSTILE}.npy")).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && said.contains(r"error: \u{1b}]0;owned\u{7}\u{9b}2J\u{202e}.npy: No such file"),
        "{said:?}"
    );
    let printed = run(Command::new(built.artifact).arg(input));
    assert_eq!(printed.lines().count(), 1 + NAMES.len(), "{printed}");
    assert!(!printed.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\0']), "{printed:?}");
    // Documentation of the whole crate, private modules too: no warnings, and no tests but its own.
    let cargo = |args: &[&str]| run(Command::new(env!("CARGO")).args(args).current_dir(&dir).env("RUSTDOCFLAGS", "-D warnings"));
    cargo(&["doc", "--offline", "--lib", "--document-private-items"]);
    let tests = cargo(&["test", "--offline", "--doc"]);
    assert!(tests.contains("running 1 test") && tests.contains("1 passed"), "{tests}");
}

#[test]
fn every_network_name_gives_a_crate_that_cargo_takes() {
    let folder = Folder::new();
    for (index, name) in NAMES.iter().enumerate() {
        let dir = folder.path(&index.to_string());
        write(&chain(name, &["relu"]), dir.as_ref());
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["check", "--offline", "--target-dir", &folder.path("target")]).current_dir(&dir);
        run(cargo.env("RUSTFLAGS", "-D warnings"));
    }
}

#[test]
fn names_that_are_none_are_refused_by_the_rule() {
    let long = "x".repeat(1025);
    for (name, rule) in [("", "at least one character"), (&*long, "at most 1024")] {
        let error = Builder::new(name, Shape::new(1, 1, 1)).err().unwrap().to_string();
        assert!(error.contains("network is") && error.contains(rule) && error.len() < 1200, "{error}");
        let mut builder = Builder::new("net", Shape::new(1, 1, 1)).unwrap();
        let input = builder.input();
        let error = builder.add(name, Op::Activation(Activation::Relu), &[input]).unwrap_err().to_string();
        assert!(error.contains("name is") && error.contains(rule), "{error}");
    }
}

/// Control sequences that a terminal would execute.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}";

fn shows_no_control(args: &[&str], parts: &[&str]) {
    let quiet = |text: &str| !text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']);
    let output = sartor().args(args).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(quiet(&out) && quiet(&err), "{args:?}: {out:?} {err:?}");
    parts.iter().for_each(|part| assert!(out.contains(part) || err.contains(part), "{args:?}: {out} {err}"));
}

#[test]
fn names_in_files_do_not_command_the_terminal() {
    let folder = Folder::new();
    let escaped = r"\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}";
    let run = ["run", "rexnet_digits", "--engine", "generic"];
    let with = |more: &[&str], parts: &[&str]| shows_no_control(&[&run[..], more].concat(), parts);

    let name = serde_json::to_string(&format!("{HOSTILE}\nerror: forged")).unwrap();
    let header = format!(r#"{{{name}:{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#);
    let weights = folder.file("w", &[&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat());
    with(&["--weights", &weights, "--image", PICTURE], &[" missing, 1 extra"]);
    let one = format!(r"extra tensor '{escaped}\nerror: forged'");
    let tiny = Builder::new("tiny", Shape::new(1, 1, 1)).unwrap();
    let tiny = tiny.finish(&[sartor::models::NodeId(0)]).unwrap();
    let error = Weights::load(&weights, &tiny, sartor::models::weights::LoadOptions::default()).unwrap_err().to_string();
    assert!(error.contains(&one), "{error}");

    let header = format!("{{'{HOSTILE}\nforged': 1, }}");
    let array = folder.file("a.npy", &[b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat());
    with(&["--input", &array], &[&format!(r"{escaped}\nforged")]);

    let labels = folder.file("labels", format!("{HOSTILE}\n").repeat(10).as_bytes());
    with(&["--image", PICTURE, "--labels", &labels], &[escaped]);
    // JSON has its own escapes for the same characters.
    let json = sartor().args(run).args(["--image", PICTURE, "--labels", &labels, "--json"]).output().unwrap().stdout;
    assert!(!String::from_utf8_lossy(&json).contains(['\u{1b}', '\u{9b}', '\u{202e}']));
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["top"][0][0]["name"], HOSTILE);

    let file = folder.file(&format!("{HOSTILE}.png"), b"none");
    with(&["--image", &file], &[escaped]);
    let file = folder.path("a\nerror: forged");
    fails(&[&run[..], &["--image", &file]].concat(), &[r"a\nerror: forged"]);
}
