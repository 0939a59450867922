//! The `sartor` command.

mod args;
mod commands;
mod failure;
mod memory;
mod print;
mod progress;
mod table;
mod timed;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{bench, compile, explain, export, list, process, run, show, sweep, tune, verify};

/// Compiles light convolutional networks into programs made for them alone.
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

/// Runs the command that the process's arguments name.
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
            print::say(&failure.to_string());
            ExitCode::from(failure.code())
        }
    }
}
