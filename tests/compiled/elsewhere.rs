//! The sample of compiled kernels under tools: an emulator, a sanitizer, a memory checker. `cargo test` does not run these tests by
//! default; `./test` has sections for them.

mod build;
mod draw;
mod judge;
mod program;
mod run;
mod sample;
mod values;

use std::path::{Path, PathBuf};

use build::write_crate;
use run::{Runner, Tool};
use sample::{PROBLEMS, Sample};
use sartor::Level;
use sartor::kernels::report;

/// Problems for tools that slow everything down, compiling included: a few of each kind.
const FEW: usize = 48;

/// Whether a tool is installed. If it is not, reports that its tests are skipped.
fn is_here(tool: Tool) -> bool {
    tool.missing().inspect(|why| report::skipped(tool.name(), why)).is_none()
}

/// The sample's program, built for a tool.
fn build_for(tool: Tool, samples: &[Sample]) -> Runner {
    let dir: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sample-{}", tool.name()));
    let kernels: Vec<_> = samples.iter().map(|sample| (sample.level, &sample.kernels[..])).collect();
    write_crate(&kernels, &dir);
    Runner::build(tool, &dir)
}

#[test]
fn neon() {
    if !is_here(Tool::Qemu("max")) {
        return;
    }
    let samples = [Sample::new(Level::Neon, PROBLEMS)];
    for cpu in ["max", "cortex-a53"] {
        let runner = build_for(Tool::Qemu(cpu), &samples);
        judge::sample(&runner, &samples[0], &["low", "high"]);
        judge::edges(&runner, &samples[0], &[("low", -1), ("high", 1)]);
    }
}

#[test]
fn asan() {
    if !is_here(Tool::Asan) {
        return;
    }
    let levels = Level::ALL.into_iter().filter(|level| level.is_available());
    let samples: Vec<Sample> = levels.map(|level| Sample::new(level, FEW)).collect();
    let runner = build_for(Tool::Asan, &samples);
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
    if !is_here(Tool::Valgrind) {
        return;
    }
    let samples = [Sample::new(Level::Portable, FEW)];
    let runner = build_for(Tool::Valgrind, &samples);
    judge::sample(&runner, &samples[0], &["heap"]);
    judge::edges(&runner, &samples[0], &[("heap", -1), ("heap", 1)]);
    program::holds(Tool::Valgrind, Level::Portable);
}
