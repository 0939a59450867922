//! `./test` itself: a failure in a section fails the command. Stand-ins take the place of cargo and of the scripts that it calls.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What the stand-in for `cargo test --workspace` does when all tests pass.
const WELL: &str = r#"
    for level in portable avx2 avx512; do echo "level $level: 7 checks (all)" >> "$SARTOR_TEST_LOG"; done
    echo "test a ... ok"
    echo "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out"
    echo "test result: ok. 6 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"
"#;

/// The stand-in for cargo. `cargo test` passes, except for all tests of the workspace, where it runs the commands in `$WORKSPACE`.
const CARGO: &str = r#"#!/bin/bash
[ "$1" = test ] || exit 0
case "$*" in
  *--workspace*--no-fail-fast*) eval "$WORKSPACE" ;;
  *) echo "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out" ;;
esac
"#;

/// The stand-in for every script.
const SCRIPT: &str = r#"#!/bin/bash
[ -z "$SCRIPT_FAILS" ] || [[ $0 != *"$SCRIPT_FAILS"* ]] || exit 3
echo "level neon: 4 checks (emulated)" >> "$SARTOR_TEST_LOG"
echo "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"
"#;

fn executable(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs `./test`. The workspace's tests run the commands `workspace`, and the script named `script_fails` fails. Returns whether `./test`
/// succeeded, and its output.
fn test(workspace: &str, script_fails: &str, sections: &[&str]) -> (bool, String) {
    let dir = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
    // Every folder of the repository, but empty; the folder inside one that a section enters; and a stand-in for every script.
    std::fs::create_dir_all(dir.path().join("kernels/loom")).unwrap();
    for entry in std::fs::read_dir(ROOT).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        std::fs::create_dir_all(dir.path().join(entry.file_name())).unwrap();
    }
    for entry in std::fs::read_dir(Path::new(ROOT).join("scripts")).unwrap().flatten() {
        executable(&dir.path().join("scripts").join(entry.file_name()), SCRIPT);
    }
    std::fs::copy(Path::new(ROOT).join("test"), dir.path().join("test")).unwrap();
    let bin = dir.path().join("stand-ins");
    std::fs::create_dir(&bin).unwrap();
    executable(&bin.join("cargo"), CARGO);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.arg(dir.path().join("test")).args(sections).env("PATH", path).env("SARTOR_CACHE", "/the/users/own");
    let output = command.env("WORKSPACE", workspace).env("SCRIPT_FAILS", script_fails).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), printed)
}

fn fails(workspace: &str, script_fails: &str, parts: &[&str]) {
    let (success, printed) = test(workspace, script_fails, &[]);
    assert!(!success, "{printed}");
    for part in parts {
        assert!(printed.contains(part), "'{part}' is missing in:\n{printed}");
    }
    assert!(!printed.trim_end().ends_with(", 0 failed, 1 skipped"), "{printed}");
}

/// A line of the summary, with single spaces.
fn line(printed: &str, begin: &str) -> String {
    let summary = &printed[printed.find("section ").unwrap()..];
    let line = summary.lines().find(|line| line.split_whitespace().next() == Some(begin));
    line.unwrap_or_else(|| panic!("no {begin} in:\n{printed}")).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_passes_is_counted() {
    let (success, printed) = test(WELL, "", &[]);
    assert!(success, "{printed}");
    assert!(line(&printed, "workspace").starts_with("workspace 11 0 1 "), "{printed}");
    for level in ["portable", "avx2", "avx512"] {
        assert_eq!(line(&printed, level), format!("{level} 7 checks"));
    }
    assert!(line(&printed, "neon").starts_with("neon 1 0 0 "), "{printed}");
    let last = printed.trim_end().lines().last().unwrap();
    assert!(last.ends_with(" passed, 0 failed, 1 skipped"), "{last}");
}

#[test]
fn a_failed_test_is_named_and_fails_the_command() {
    let failed = format!(
        "{WELL}\n echo 'test the::culprit ... FAILED'; echo 'test result: FAILED. 2 passed; 3 failed; 0 ignored'; exit 101"
    );
    fails(&failed, "", &["failed workspace: the::culprit", "failed workspace: exit status 101", ", 3 failed,"]);
}

#[test]
fn a_section_that_breaks_or_is_killed_fails_the_command() {
    fails(&format!("{WELL}\n exit 101"), "", &["failed workspace: exit status 101", ", 1 failed,"]);
    fails(&format!("{WELL}\n kill -KILL $$"), "", &["failed workspace: exit status 137", ", 1 failed,"]);
    for (script, section) in [("setup-oracle", "libtorch"), ("setup-aarch64", "aarch64"), ("test-readme", "readme")] {
        fails(WELL, script, &[&format!("failed {section}: exit status 3")]);
    }
}

#[test]
fn a_section_in_which_no_test_ran_fails_the_command() {
    let no_tests = WELL.lines().filter(|line| !line.contains("test result")).collect::<Vec<_>>().join("\n");
    fails(&no_tests, "", &["failed workspace: no test ran", ", 1 failed,"]);
}

#[test]
fn a_level_that_could_run_and_was_not_checked_fails_the_command() {
    fails(&WELL.replace("in portable", "in"), "", &["FAILED: it can run here and nothing was checked", ", 1 failed,"]);
}

#[test]
fn what_tests_left_out_is_listed_and_counted() {
    let skip = format!("{WELL}\n echo 'skip: the sea: it is far' >> \"$SARTOR_TEST_LOG\"");
    let (success, printed) = test(&skip, "", &[]);
    assert!(success && printed.contains("skipped: the sea: it is far"), "{printed}");
    assert!(printed.trim_end().ends_with(", 2 skipped"), "{printed}");
}

#[test]
fn the_users_cache_and_tuning_are_left_alone() {
    // `./test` passes the cache to all commands, so also to the stand-ins.
    let tell = format!("{WELL}\n echo \"cache: $SARTOR_CACHE\"");
    let (success, printed) = test(&tell, "", &[]);
    let told: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("workspace: cache: ")).collect();
    assert!(success && told.len() == 1 && told[0].ends_with("/target/cache"), "{printed}");
}

#[test]
fn both_lanes_say_what_failed_and_how_long_they_took() {
    let (success, printed) = test(&format!("{WELL}\n sleep 1.2; exit 1"), "test-tsan", &[]);
    assert!(!success && printed.contains("failed workspace: exit status 1"), "{printed}");
    assert!(printed.contains("failed tsan: exit status 3") && printed.contains(", 2 failed,"), "{printed}");
    let words = |section| line(&printed, section).split(' ').map(str::to_owned).collect::<Vec<_>>();
    // Passed, failed and skipped tests, then the time, then that of all cores.
    assert!(words("workspace")[4..8] != ["0", "min", "0", "s"] && words("tsan").len() == 12, "{printed}");
}

#[test]
fn the_quick_loop_is_a_few_sections() {
    let (success, printed) = test(WELL, "setup-oracle", &["quick"]);
    assert!(success, "{printed}");
    assert!(line(&printed, "quick").starts_with("quick 13 0 1 "), "{printed}");
    assert!(line(&printed, "workspace").contains("not asked for"), "{printed}");
    let (success, printed) = test(&format!("{WELL}\n exit 101"), "", &["quick"]);
    assert!(!success && printed.contains("failed quick: exit status 1"), "{printed}");
}

#[test]
fn only_the_sections_asked_for_are_run() {
    let (success, printed) = test(WELL, "setup-oracle", &["workspace"]);
    assert!(success && printed.contains("not asked for"), "{printed}");
    let (success, printed) = test(WELL, "", &["wrokspace"]);
    assert!(!success && printed.contains("unknown section 'wrokspace'"), "{printed}");
}
