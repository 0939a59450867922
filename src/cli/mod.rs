//! `sartor`: one file a command, and what they share.

mod args;
mod commands;
mod failure;
mod memory;
mod progress;
mod table;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sartor::models::escape;

use commands::{bench, compile, explain, export, list, process, run, show, sweep, tune, verify};
use failure::Failure;

/// Cuts a program to measure for a light convolutional network.
#[derive(Parser)]
#[command(name = "sartor", version, after_help = "Example: sartor run rexnet_digits --image examples/digit-7.png")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(list::List),
    Show(show::Show),
    Compile(compile::Compile),
    Run(run::Run),
    Verify(verify::Verify),
    Bench(bench::Bench),
    Tune(tune::Tune),
    Explain(explain::Explain),
    Process(process::Process),
    Sweep(sweep::SweepArgs),
    Export(export::Export),
}

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    progress::show_messages();
    let outcome = match Cli::parse().command {
        Command::List(list) => list.run(),
        Command::Show(show) => show.run(),
        Command::Compile(compile) => compile.run(),
        Command::Run(run) => run.run(),
        Command::Verify(verify) => verify.run(),
        Command::Bench(bench) => bench.run(),
        Command::Tune(tune) => tune.run(),
        Command::Explain(explain) => explain.run(),
        Command::Process(process) => process.run(),
        Command::Sweep(sweep) => sweep.run(),
        Command::Export(export) => export.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Writes a result to stdout. A reader that has gone away, as in `| head`, is no failure.
fn print(text: &str) -> Result<(), Failure> {
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
fn say(text: &str) {
    // Nobody is left to hear that stderr is closed.
    let _ = writeln!(io::stderr(), "{}", escape::terminal(text));
}

/// Tells on stderr what the user should know.
fn note(text: &str) {
    say(&format!("note: {text}"));
}

/// Tells on stderr what is wrong but does not end the command.
fn warn(text: &str) {
    say(&format!("warning: {text}"));
}

/// A path in JSON, which holds text: what is no Unicode is replaced.
fn as_text<S: serde::Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

/// Writes a result to stdout as JSON.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    write(&escape::json(&serde_json::to_string_pretty(value)?))
}
