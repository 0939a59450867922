//! The crates that users depend on, packed as a registry would have them: whole, and enough to build from.

use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};
use serde_json::Value;

mod common;
use common::Folder;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const TMP: &str = env!("CARGO_TARGET_TMPDIR");
const PUBLISHED: [&str; 6] = ["sartor", "sartor-build", "sartor-codegen", "sartor-kernels", "sartor-models", "sartor-ops"];

/// Cargo, told what and where. What it prints.
fn cargo(folder: &Path, target: &Path, args: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(args).arg("--offline").current_dir(folder).env("CARGO_TARGET_DIR", target).output().unwrap();
    assert!(output.status.success(), "{args:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The packages of the workspace that may be published.
fn published() -> Vec<Value> {
    let told = cargo(Path::new(ROOT), TMP.as_ref(), &["metadata", "--no-deps", "--format-version", "1"]);
    let mut told: Value = serde_json::from_str(&told).unwrap();
    let mut packages: Vec<Value> = told["packages"].as_array_mut().unwrap().drain(..).collect();
    packages.retain(|package| package["publish"].is_null());
    packages
}

#[test]
fn what_users_depend_on_says_what_a_registry_asks_for() {
    let packages = published();
    let mut names: Vec<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, PUBLISHED, "what may be published is what users depend on");
    for package in &packages {
        let name = &package["name"];
        for key in ["description", "license", "rust_version"] {
            assert!(package[key].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {key}");
        }
        // Cargo takes a requirement that the folder does not meet for an error. None at all would be `*`.
        for dependency in package["dependencies"].as_array().unwrap().iter().filter(|dependency| dependency["path"].is_string()) {
            assert_ne!(dependency["req"], "*", "{name} depends on {} of no version", dependency["name"]);
        }
    }
}

/// Packs them all and unpacks them below a folder.
fn unpacked(folder: &Folder) -> Vec<PathBuf> {
    let target = PathBuf::from(folder.path("target"));
    let packages: Vec<&str> = PUBLISHED.iter().flat_map(|name| ["-p", name]).collect();
    cargo(Path::new(ROOT), &target, &[&["package", "--no-verify", "--allow-dirty"], &packages[..]].concat());
    let unpack = |name: &&str| {
        let name = format!("{name}-{}", env!("CARGO_PKG_VERSION"));
        let archive = target.join(format!("package/{name}.crate"));
        let mut tar = Command::new("tar");
        assert!(tar.arg("-xzf").arg(archive).arg("-C").arg(folder.path(".")).status().unwrap().success(), "{name}");
        folder.path(&name).into()
    };
    PUBLISHED.iter().map(unpack).collect()
}

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.flat_map(below).filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The files that a text includes: literals in `include_str!`, `include_bytes!` and `include!`.
fn included(text: TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = text.into_iter().collect();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let is_include = at >= 2
            && matches!(&tokens[at - 1], TokenTree::Punct(mark) if mark.as_char() == '!')
            && matches!(&tokens[at - 2], TokenTree::Ident(name) if name.to_string().starts_with("include"));
        match group.stream().into_iter().next() {
            Some(TokenTree::Literal(literal)) if is_include => {
                found.push(syn::parse_str::<syn::LitStr>(&literal.to_string()).unwrap().value());
            }
            _ => found.extend(included(group.stream())),
        }
    }
    found
}

#[test]
fn packages_hold_all_that_their_code_includes() {
    let folder = Folder::new();
    let mut seen = 0;
    for package in unpacked(&folder) {
        let sources =
            [sources(&package.join("src")), Vec::from_iter(Some(package.join("build.rs")).filter(|path| path.exists()))].concat();
        assert!(!sources.is_empty(), "{}", package.display());
        for source in sources {
            for path in included(std::fs::read_to_string(&source).unwrap().parse().unwrap()) {
                let place = source.parent().unwrap().join(&path);
                let place = place.canonicalize().unwrap_or_else(|_| panic!("{}: {path} is not in the package", source.display()));
                assert!(place.starts_with(package.canonicalize().unwrap()), "{}: {path} is outside", source.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen} files included");
}

#[test]
fn files_are_found_wherever_they_are_included() {
    let text =
        "#[doc = include_str!(\"a\")] mod m { const X: [&[u8]; 1] = [include_bytes!(\"b\")]; } include!(concat!(\"c\", \"d\"));";
    assert_eq!(included(text.parse().unwrap()), ["a", "b"]);
}

const MANIFEST: &str = "[package]
name = \"user\"
version = \"0.1.0\"
edition = \"2024\"

[dependencies]
sartor-build = { version = \"VERSION\", default-features = false }

[build-dependencies]
sartor-build = \"VERSION\"

[profile.dev]
opt-level = 3

[workspace]

[patch.crates-io]
";
const BUILD: &str = "fn main() -> Result<(), sartor_build::BuildError> {
    sartor_build::compile(\"model.onnx\")
}
";
const MAIN: &str = "sartor_build::include_network!(\"model\");

fn main() {
    let pool = model::Pool::new(1, 1).unwrap();
    let mut output = [f32::NAN; model::OUTPUT_LEN];
    pool.run(&[0.5; model::INPUT_LEN], &mut output).unwrap();
    println!(\"{}\", output.iter().all(|value| value.is_finite()));
}
";

/// With what is in the packages alone, in place of a registry.
#[test]
fn a_program_is_built_from_the_packages() {
    let folder = Folder::new();
    let patches = unpacked(&folder).into_iter().zip(PUBLISHED).filter(|(_, name)| *name != "sartor");
    let patches: String = patches.map(|(path, name)| format!("{name} = {{ path = {:?} }}\n", path.to_str().unwrap())).collect();
    let user = Path::new(&folder.path("user")).to_owned();
    std::fs::create_dir_all(user.join("src")).unwrap();
    let example = Path::new(ROOT).join("examples/build-rs");
    let write = |name: &str, text: &str| std::fs::write(user.join(name), text).unwrap();
    write("Cargo.toml", &(MANIFEST.replace("VERSION", env!("CARGO_PKG_VERSION")) + &patches));
    write("build.rs", BUILD);
    write("src/main.rs", MAIN);
    // The versions that are on this machine, whatever the newest are.
    let lock = std::fs::read_to_string(example.join("Cargo.lock")).unwrap();
    write("Cargo.lock", &lock.replace("name = \"build-rs\"", "name = \"user\""));
    std::fs::copy(example.join("model.onnx"), user.join("model.onnx")).unwrap();
    assert_eq!(cargo(&user, &Path::new(TMP).join("examples"), &["run"]), "true\n");
}
