//! What tests checked at which level and what they left out and why, for the one command that runs them all.

use std::io::Write;

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

/// Says a figure that docs/trust.md gives.
///
/// # Panics
/// If the log cannot be written.
pub fn figure(what: &str, value: &str) {
    log(&format!("figure: {what}: {value}"));
}
