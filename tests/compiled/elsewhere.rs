//! The sample of compiled kernels where it takes a tool: under an emulator, a sanitizer, a checker of memory. Not run by
//! default; `./test` has sections for it.

mod draw;
mod judge;
mod program;
mod run;
mod sample;
mod values;

use std::path::{Path, PathBuf};

use run::{Runner, Tool};
use sample::{Sample, write_crate};
use sartor::Level;

/// The sample's program, built for a tool.
fn build(tool: Tool, samples: &[Sample]) -> Runner {
    let dir: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sample-{}", tool.name()));
    write_crate(&samples.iter().collect::<Vec<_>>(), &dir);
    Runner::build(tool, &dir)
}

#[test]
fn neon() {
    let samples = [Sample::new(Level::Neon)];
    for cpu in ["max", "cortex-a53"] {
        let runner = build(Tool::Qemu(cpu), &samples);
        judge::sample(&runner, &samples[0], &["low", "high"]);
        judge::edges(&runner, &samples[0], &[("low", -1), ("high", 1)]);
    }
}

#[test]
fn asan() {
    let samples: Vec<Sample> = Level::ALL.into_iter().filter(|level| level.is_available()).map(Sample::new).collect();
    let runner = build(Tool::Asan, &samples);
    for sample in &samples {
        judge::sample(&runner, sample, &["heap"]);
        judge::edges(&runner, sample, &[("heap", -1), ("heap", 1)]);
    }
    for sample in &samples {
        program::holds(Tool::Asan, sample.level);
    }
}

#[test]
fn valgrind() {
    let samples = [Sample::new(Level::Portable)];
    let runner = build(Tool::Valgrind, &samples);
    judge::first(&runner, &samples[0], 60, &["heap"]);
    judge::edges(&runner, &samples[0], &[("heap", -1), ("heap", 1)]);
    program::holds(Tool::Valgrind, Level::Portable);
}
