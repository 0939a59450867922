//! What commands write to stdout and stderr.

use std::io::{self, Write};
use std::path::Path;

use sartor::models::escape;

use super::failure::Failure;

/// Writes a result to stdout. A reader that has gone away, as in `| head`, is no failure.
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
    // Nobody is left to hear that stderr is closed.
    let _ = writeln!(io::stderr(), "{}", escape::terminal(text));
}

/// Tells on stderr what the user should know.
pub fn note(text: &str) {
    say(&format!("note: {text}"));
}

/// Tells on stderr what is wrong but does not end the command.
pub fn warn(text: &str) {
    say(&format!("warning: {text}"));
}

/// A path in JSON, which holds text: what is no Unicode is replaced.
pub fn as_text<S: serde::Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

/// Writes a result to stdout as JSON.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    write(&escape::json(&serde_json::to_string_pretty(value)?))
}
