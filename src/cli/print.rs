//! What commands write to stdout and stderr.

use std::io::{self, Write};
use std::path::Path;

use sartor::models::escape;

use super::failure::Failure;

/// Writes a result to stdout. It is no failure if the reader is gone, as with `| head`.
pub fn print(text: &str) -> Result<(), Failure> {
    write(&escape::terminal(text))
}

fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(format!("cannot write to stdout: {error}"))),
        _ => Ok(()),
    }
}

/// Writes a line to stderr.
pub fn say(text: &str) {
    // If stderr is closed, there is nowhere to report it.
    let _ = writeln!(io::stderr(), "{}", escape::terminal(text));
}

/// Writes a note for the user to stderr.
pub fn note(text: &str) {
    say(&format!("note: {text}"));
}

/// Writes to stderr what is wrong but does not end the command.
pub fn warn(text: &str) {
    say(&format!("warning: {text}"));
}

/// Writes a path as a JSON string. Bytes that are not Unicode are replaced.
pub fn as_text<S: serde::Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

/// Writes a result to stdout as JSON.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    write(&escape::json(&serde_json::to_string_pretty(value)?))
}
