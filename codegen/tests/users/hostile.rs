//! The programs in `hostile/`: each says in its first line what must become of it. `refused: CODE` does not compile, and for no other
//! reason; `prints: TEXT` runs to its end.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use sartor_codegen::compile::Kind;

use crate::{build, golden};

/// Whether a program becomes what its first line says; if not, what became of it.
fn judge(source: &str, name: &str, library: &Path, dir: &Path) -> Result<(), String> {
    assert!(source.contains("\n#![forbid(unsafe_code)]\n"), "{name} is not held to safe code");
    let file = dir.join(name).with_extension("rs");
    std::fs::write(&file, source).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--crate-name", name, "--extern"]).arg(format!("golden={}", library.display()));
    rustc.arg("--out-dir").arg(dir).arg(&file);
    let first = source.lines().next().unwrap_or_default();
    if let Some(code) = first.strip_prefix("// refused: ") {
        return refused(&rustc.args(["--emit", "metadata"]).output().unwrap(), code);
    }
    let text = first.strip_prefix("// prints: ").unwrap_or_else(|| panic!("{name} does not say what must become of it"));
    let compiled = rustc.output().unwrap();
    if !compiled.status.success() {
        return Err(String::from_utf8_lossy(&compiled.stderr).into_owned());
    }
    let ran = Command::new(dir.join(name)).output().unwrap();
    let printed = String::from_utf8_lossy(&ran.stdout);
    let done = ran.status.success() && printed.lines().last() == Some(text);
    if done { Ok(()) } else { Err(format!("{}: {printed}\n{}", ran.status, String::from_utf8_lossy(&ran.stderr))) }
}

/// Whether the compiler gave this error, if need be more than once, and no other.
fn refused(compiled: &Output, code: &str) -> Result<(), String> {
    let said = String::from_utf8_lossy(&compiled.stderr);
    let errors = said.lines().filter(|line| line.starts_with("error") && !line.starts_with("error: aborting due to"));
    let codes: BTreeSet<&str> =
        errors.map(|line| line.strip_prefix("error[").and_then(|rest| rest.split(']').next()).unwrap_or(line)).collect();
    let expected = !compiled.status.success() && codes == BTreeSet::from([code]);
    if expected { Ok(()) } else { Err(format!("{}: {codes:?}\n{said}", compiled.status)) }
}

#[test]
fn no_safe_program_gets_further_than_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let library = build(&golden(), 1, Kind::Lib, "golden", dir.path());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/users/hostile");
    let mut programs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    programs.sort();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let mut wrong = Vec::new();
    for path in &programs {
        let name = path.file_stem().unwrap().to_str().unwrap();
        wrong.extend(judge(&read(path), name, &library, dir.path()).err().map(|found| format!("{name}: {found}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let control = programs.iter().find(|path| path.ends_with("control.rs")).expect("there is a control");
    let refusals = programs.iter().filter(|path| read(path).starts_with("// refused")).count();
    assert!(refusals >= 15 && programs.len() >= refusals + 7, "{refusals} of {}", programs.len());
    the_judge_notices(&read(control), &library, dir.path());
}

/// The test of the test: the control, told to become something else or spoilt, is noticed.
fn the_judge_notices(control: &str, library: &Path, dir: &Path) {
    let (first, rest) = control.split_once('\n').unwrap();
    let spoilt = |first: &str, main: &str| format!("{first}\n{rest}").replace("fn main() {", &format!("fn main() {{ {main}"));
    let cases = [
        ("compiles", spoilt("// refused: E0451", "")),
        ("says_something_else", spoilt("// prints: something else", "")),
        ("does_not_compile", spoilt(first, "let spoilt: u8 = 1.0;")),
        ("is_refused_for_another_reason", spoilt("// refused: E0451", "let spoilt: u8 = 1.0;")),
        ("is_refused_for_two_reasons", spoilt("// refused: E0308", "let spoilt: u8 = 1.0; session.team;")),
        ("does_not_parse", spoilt("// refused: E0308", "let")),
        ("dies", spoilt(first, "std::process::abort();")),
        ("panics", spoilt(first, "assert!(best().is_err());")),
    ];
    for (name, source) in cases {
        assert!(judge(&source, name, library, dir).is_err(), "a program that {name} passes");
    }
}
