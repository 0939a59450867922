//! What tests checked at which level and what they left out and why, for the one command that runs them all.

use std::io::Write;

use crate::runtime::Level;

/// Prints a line and, if `SARTOR_TEST_LOG` names a file, appends it there.
fn log(line: &str) {
    println!("{line}");
    if let Some(path) = std::env::var_os("SARTOR_TEST_LOG") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
        // One write, so that lines of tests that run at the same time do not mix.
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())).expect("SARTOR_TEST_LOG");
    }
}

/// Says that so many checks passed at a level.
///
/// # Panics
/// If the log cannot be written.
pub fn checked(level: &str, checks: usize, what: &str) {
    log(&format!("level {level}: {checks} checks ({what})"));
}

/// Says what was left out and why.
///
/// # Panics
/// If the log cannot be written.
pub fn skipped(what: &str, why: &str) {
    log(&format!("skip: {what}: {why}"));
}

/// Whether this machine can run a level; if not, says that `what` was left out at it. Levels of another architecture are left out without
/// a word: scripts/test-neon.sh runs them elsewhere.
///
/// # Panics
/// If the log cannot be written.
pub fn can_run(level: Level, what: &str) -> bool {
    let is_native = match level {
        Level::Portable => true,
        Level::Neon => cfg!(target_arch = "aarch64"),
        Level::Avx2 | Level::Avx512 => cfg!(target_arch = "x86_64"),
    };
    if is_native && !level.is_available() {
        skipped(&format!("{what} at level {level}"), "this CPU lacks it");
    }
    level.is_available()
}

/// Says a figure that docs/trust.md gives.
///
/// # Panics
/// If the log cannot be written.
pub fn figure(what: &str, value: &str) {
    log(&format!("figure: {what}: {value}"));
}
