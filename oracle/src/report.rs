//! What was checked and what was left out, for `./test`.

use std::io::Write;

/// Prints a line and, if `SARTOR_TEST_LOG` names a file, appends it there.
///
/// # Panics
/// If the file cannot be written.
fn log(line: &str) {
    println!("{line}");
    if let Some(path) = std::env::var_os("SARTOR_TEST_LOG") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
        // One write, so that lines of tests that run at the same time do not mix.
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())).expect("SARTOR_TEST_LOG");
    }
}

/// Counts checks at a level.
pub fn checked(level: &str, checks: usize, what: &str) {
    log(&format!("level {level}: {checks} checks ({what})"));
}

/// Says what was left out and why.
pub fn skipped(what: &str, why: &str) {
    log(&format!("skip: {what}: {why}"));
}
