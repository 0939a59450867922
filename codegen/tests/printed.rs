//! The text of generated crates: as rustfmt leaves it, and the same for the same input.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::process::Command;

use sartor_codegen::compile::{Generated, Kind, generate};
use sartor_kernels::runtime::Level;
use sartor_models::{Activation, Builder, Network, Op, Shape, Weights, zoo};

fn network(name: &str) -> Network {
    name.parse::<zoo::Spec>().unwrap().build().unwrap()
}

fn crate_of(network: &Network, batch: usize, kind: Kind) -> Generated {
    generate(network, &Weights::random(network, 1), &Level::ALL, batch, kind).unwrap()
}

/// Writes a crate's sources and lets rustfmt judge every one of them, which it finds by the modules that each names.
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
    let is_root = |path: &&PathBuf| ["src/lib.rs", "src/main.rs"].iter().any(|root| path.ends_with(root));
    let roots: Vec<_> = sources.iter().filter(is_root).collect();
    let output = Command::new("rustfmt").args(["--check", "--verbose", "--edition", "2024"]).args(roots).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let (judged, printed): (Vec<_>, Vec<_>) = printed.lines().partition(|line| line.starts_with("Formatting "));
    for path in &sources {
        assert!(judged.contains(&&*format!("Formatting {}", path.display())), "{} is not judged", path.display());
    }
    let is_said_always = |line: &str| line.is_empty() || line.starts_with("Using rustfmt config") || line.starts_with("Spent ");
    let differences = printed.into_iter().filter(|line| !is_said_always(line)).collect::<Vec<_>>().join("\n");
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
        for (batch, kind) in [(1, Kind::Bin), (3, Kind::Dylib), (2, Kind::C), (1, Kind::Wheel)] {
            check_format(&network(name), batch, kind);
        }
    }
    let headless = "mobilenet_v2_x1.0@64x64".parse::<zoo::Spec>().unwrap().with_head(false).build().unwrap();
    check_format(&headless, 1, Kind::Bin);
    check_format(&headless, 2, Kind::C);
}

/// Whatever the names are, compilers of C and Python take what is written for them.
#[test]
fn names_are_escaped_for_c_and_python() {
    let names = ["a*/ /*b", "\"\"\"\\", "a\nb\0", "@net@ @hash@", "\u{202e}🦀", "'''\\", "${x}#"];
    let mut builder = Builder::new(names[0], Shape::new(3, 5, 7)).unwrap();
    let mut last = builder.input();
    let outputs: Vec<_> = names
        .into_iter()
        .map(|name| {
            last = builder.add(name, Op::Activation(Activation::Relu), &[last]).unwrap();
            last
        })
        .collect();
    let network = builder.finish(&outputs).unwrap();
    let judges: [(Kind, &str, &str, &[&str]); 3] = [
        (Kind::C, ".h", "gcc", &["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-xc"]),
        (Kind::C, ".h", "g++", &["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-xc++"]),
        (Kind::Wheel, "__init__.py", "python3", &["-c", CONSTANTS]),
    ];
    for (kind, end, judge, args) in judges {
        if Command::new(judge).arg("--version").output().is_err() {
            sartor_kernels::report::skipped("names in other languages", &format!("no {judge}"));
            continue;
        }
        let files = generate(&network, &Weights::random(&network, 1), &[Level::Portable], 1, kind).unwrap().files;
        let (_, text) = files.iter().find(|(path, _)| path.to_string_lossy().ends_with(end)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, text).unwrap();
        let output = Command::new(judge).args(args).arg(&file).output().unwrap();
        assert!(output.status.success(), "{judge}: {}", String::from_utf8_lossy(&output.stderr));
        if kind == Kind::Wheel {
            let told = String::from_utf8(output.stdout).unwrap();
            assert_eq!(told, names.map(|name| format!("{}\n", name.escape_unicode())).concat());
        }
    }
}

/// Prints the names of the outputs that a module tells, without its library.
const CONSTANTS: &str = "import ast, sys
for node in ast.parse(open(sys.argv[1]).read()).body:
    if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', None) == 'OUTPUTS':
        for name in ast.literal_eval(node.value):
            print(''.join(chr(92) + 'u{%x}' % ord(c) for c in name))
";

/// Whatever the names are, and however long: a name is escaped, and a line that it makes too long is broken.
#[test]
fn names_are_printed_as_rustfmt_leaves_them() {
    let hostile = ["a\nb", "`|`", "\u{202e}\u{1b}", "naïve 🦀", "a\"b\\c", "犬犬", "- a  b"].map(String::from);
    let long = (60..140).map(|len| "x".repeat(len)).chain(["é".repeat(512), "y".repeat(1024)]);
    for names in [hostile.to_vec(), long.collect()] {
        let mut builder = Builder::new(names[0].clone(), Shape::new(3, 5, 7)).unwrap();
        let mut last = builder.input();
        let mut outputs = Vec::new();
        for name in names {
            last = builder.add(name, Op::Activation(Activation::Relu), &[last]).unwrap();
            outputs.push(last);
        }
        let network = builder.finish(&outputs).unwrap();
        check_format(&network, 1, Kind::Bin);
        check_format(&network, 1, Kind::C);
    }
}

/// The largest number of lines of a level's file.
const MOST_LINES: usize = 6_000;

#[test]
fn every_level_of_the_digits_crate_is_short_enough_to_read() {
    let files = crate_of(&network("rexnet_digits"), 1, Kind::Lib).files;
    for level in Level::ALL {
        let path = PathBuf::from(format!("src/{level}.rs"));
        let (_, text) = files.iter().find(|(found, _)| *found == path).unwrap();
        let lines = text.iter().filter(|&&byte| byte == b'\n').count();
        assert!(lines <= MOST_LINES, "{level}: {lines} lines");
    }
}

/// A crate is told from another by its version, unless that is given: names may collide.
#[test]
fn other_weights_and_other_networks_are_other_versions() {
    let manifest = |name: &str, seed: u64| {
        let mut builder = Builder::new(name, Shape::new(3, 1, 1)).unwrap();
        let linear = builder.add("linear", Op::Linear { out: 2, bias: true }, &[builder.input()]).unwrap();
        let network = builder.finish(&[linear]).unwrap();
        let generated = generate(&network, &Weights::random(&network, seed), &[Level::Portable], 1, Kind::Lib).unwrap();
        String::from_utf8(generated.files[0].1.clone()).unwrap()
    };
    let all = [manifest("a.b", 0), manifest("a.b", 1), manifest("a-b", 0)];
    let lines = |key: &str| all.each_ref().map(|text| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned());
    assert_eq!(lines("name"), ["name = \"a_b\""; 3]);
    let [first, second, third] = lines("version");
    assert!(first.starts_with("version = \"0.1.0+") && first != second && second != third && first != third, "{all:?}");
    assert!(all.iter().all(|text| !text.contains("[workspace]") && !text.contains("[profile")), "{all:?}");
    assert_eq!(manifest("a.b", 0), all[0]);
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
