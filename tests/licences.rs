//! Every dependency has a licence that asks for no more than to be named, or is listed here with the reason.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use sartor_kernels::report::skipped;
use serde_json::Value;
use spdx::{Expression, LicenseReq, ParseMode};

const WORKSPACES: [&str; 4] = [".", "oracle", "fuzz", "kernels/loom"];

/// By their SPDX names.
const TAKEN: [&str; 11] =
    ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "Unicode-3.0", "Unlicense", "Zlib"];

/// A crate whose licence is another, and why it is taken all the same.
const EXCEPTIONS: [(&str, &str, &str); 2] = [
    ("option-ext", "MPL-2.0", "asks for the source of its own files alone, which are unchanged; a dependency of dirs"),
    ("libfuzzer-sys", "NCSA", "as the BSD licences; in fuzzing alone"),
];

/// How Cargo's older packages write a choice: with a slash.
const MODE: ParseMode = ParseMode { allow_slash_as_or_operator: true, ..ParseMode::STRICT };

/// What is wrong with a package's licence. Exceptions that it needs are noted.
fn fault(name: &str, licence: Option<&str>, needed: &mut BTreeSet<&'static str>) -> Result<(), String> {
    let licence = licence.ok_or("names no licence")?;
    let expression = Expression::parse_mode(licence, MODE).map_err(|error| format!("{licence}: {}", error.reason))?;
    let is_taken = |required: &LicenseReq| {
        let id = required.license.id().map(|id| id.name);
        // An exception gives leave to more.
        id.is_some_and(|id| TAKEN.contains(&id))
    };
    if expression.evaluate(is_taken) {
        return Ok(());
    }
    let exception = EXCEPTIONS.iter().find(|(excepted, ..)| *excepted == name);
    let (excepted, other, _) = exception.ok_or_else(|| format!("has the licence {licence}"))?;
    needed.insert(excepted);
    let is_excepted = |required: &LicenseReq| is_taken(required) || required.license.id().is_some_and(|id| id.name == *other);
    if expression.evaluate(is_excepted) { Ok(()) } else { Err(format!("has the licence {licence}, not {other}")) }
}

fn cargo(workspace: &str, args: &[&str]) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(workspace);
    Command::new(env!("CARGO")).args(args).arg("--locked").current_dir(folder).output().unwrap()
}

/// The packages of a workspace's lock file, those of other systems too where they are on this machine or can be had.
fn packages(workspace: &str) -> Vec<Value> {
    let offline = ["metadata", "--format-version", "1", "--offline"];
    let mut told = cargo(workspace, &offline);
    if !told.status.success() && cargo(workspace, &["fetch"]).status.success() {
        told = cargo(workspace, &offline);
    }
    if !told.status.success() {
        skipped("licences of what only other systems need", "those packages cannot be had");
        let here = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        told = cargo(workspace, &[&offline[..], &["--filter-platform", &here]].concat());
    }
    assert!(told.status.success(), "{workspace}: {}", String::from_utf8_lossy(&told.stderr));
    let mut told: Value = serde_json::from_slice(&told.stdout).unwrap();
    std::mem::take(told["packages"].as_array_mut().unwrap())
}

#[test]
fn all_dependencies_have_licences_that_are_taken() {
    let (mut needed, mut wrong, mut count) = (BTreeSet::new(), BTreeSet::new(), 0);
    for workspace in WORKSPACES {
        for package in packages(workspace) {
            let name = package["name"].as_str().unwrap();
            count += 1;
            wrong.extend(fault(name, package["license"].as_str(), &mut needed).err().map(|fault| format!("{name} {fault}")));
        }
    }
    assert!(count > 300, "{count} packages");
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
    let unused = EXCEPTIONS.iter().filter(|(name, ..)| !needed.contains(name)).collect::<Vec<_>>();
    assert!(unused.is_empty(), "no dependency needs {unused:?}");
}

#[test]
fn other_licences_are_noticed() {
    let fault = |name, licence| fault(name, licence, &mut BTreeSet::new());
    for taken in ["MIT", "MIT/Apache-2.0", "(MIT OR GPL-3.0-only) AND Unicode-3.0", "Apache-2.0 WITH LLVM-exception"] {
        assert_eq!(fault("a", Some(taken)), Ok(()), "{taken}");
    }
    assert_eq!(fault("option-ext", Some("MPL-2.0")), Ok(()));
    for other in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "MPL-2.0", "NCSA", "Mine", "", "MIT OR", "LicenseRef-mine"] {
        assert!(fault("a", Some(other)).is_err(), "{other}");
    }
    assert!(fault("option-ext", Some("AGPL-3.0-only")).is_err());
    assert!(fault("a", None).is_err());
}
