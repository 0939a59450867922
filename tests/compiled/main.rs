//! A sample of problems, compiled once for all levels of this machine and run kernel by kernel, with every buffer of every call
//! directly after, then directly before, a page that nobody may touch: the interpreter's bits, and the reference's values.

mod build;
mod draw;
mod judge;
#[allow(dead_code)]
mod run;
mod sample;
mod values;

use std::path::PathBuf;
use std::sync::LazyLock;

use build::write_crate;
use run::{Runner, Tool};
use sample::{PROBLEMS, Sample};
use sartor::Level;
use sartor::kernels::report;

/// The program of all samples, and the samples.
fn native() -> &'static (Runner, Vec<Sample>) {
    static NATIVE: LazyLock<(Runner, Vec<Sample>)> = LazyLock::new(|| {
        let levels = Level::ALL.into_iter().filter(|level| level.is_available());
        let samples: Vec<Sample> = levels.map(|level| Sample::new(level, PROBLEMS)).collect();
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sample");
        let kernels: Vec<_> = samples.iter().map(|sample| (sample.level, &sample.kernels[..])).collect();
        write_crate(&kernels, &dir);
        (Runner::build(Tool::Native, &dir), samples)
    });
    &NATIVE
}

fn sample_holds(level: Level) {
    if !report::can_run(level, "compiled kernels") {
        return;
    }
    let (runner, samples) = native();
    let sample = samples.iter().find(|sample| sample.level == level).unwrap();
    judge::sample(runner, sample, &["low", "high"]);
}

#[test]
fn portable() {
    sample_holds(Level::Portable);
}

#[test]
fn avx2() {
    sample_holds(Level::Avx2);
}

#[test]
fn avx512() {
    sample_holds(Level::Avx512);
}

#[test]
fn neon() {
    sample_holds(Level::Neon);
}

/// The other tests in this file rely on this.
#[test]
fn a_step_over_the_edge_ends_the_runner() {
    let (runner, samples) = native();
    for sample in samples {
        judge::edges(runner, sample, &[("low", -1), ("high", 1)]);
    }
}
