//! Compiles a network and times it stage by stage. Several commands need this.

use std::time::{Duration, Instant};

use sartor::measure::bench::{CoreSpeed, Measurement, Report, measure, run_stages, test_input};
use sartor::measure::explain::{Explanation, explain};
use sartor::{Level, Model, Network, Tunings, Weights};

use super::args::engine::EngineKind;
use super::failure::Failure;
use super::memory::{test_images, zeros};
use super::progress;

/// A compiled network, and the times of its stages.
pub struct Timed {
    pub model: Model,
    pub measured: Measurement,
    pub report: Report,
    pub level: Level,
}

impl Timed {
    /// Compiles a network and times runs on one thread. `runs` says how many.
    pub fn run(
        network: &Network,
        weights: &Weights,
        level: Level,
        batch: usize,
        tunings: &Tunings,
        runs: impl FnOnce(&Model) -> Result<usize, Failure>,
    ) -> Result<Self, Failure> {
        let title = format!("compiling {} for {level}", network.name);
        let model = progress::spin(title, || Model::open_tuned(network, weights, level, 1, tunings))?;
        let runs = runs(&model)?;
        let mut session = model.session(1)?;
        let mut output = zeros(batch, model.program().output_len())?;
        let input = test_images(batch, model.program().input_len())?;
        let bar = progress::bar("measuring", runs);
        let measured = measure(level, 1, runs, |laps| run_stages(&mut session, &input, &mut output, laps), || bar.inc(1))?;
        let macs = model.planned().macs() * batch as u64;
        let report = measured.report(&network.name, EngineKind::Specialised.name(), level, 1, batch, macs);
        Ok(Self { model, measured, report, level })
    }

    /// Explains the measurement.
    pub fn explain(&self) -> Result<Explanation, Failure> {
        let (report, measured): (Report, &Measurement) = (self.report.clone(), &self.measured);
        let machine = progress::spin("measuring the limits of the core", || CoreSpeed::measure(self.level));
        let machine = machine.ok_or_else(|| Failure::new(format!("this CPU lacks level {}", self.level)))?;
        Ok(progress::spin("replaying", || explain(self.model.planned(), measured, report, machine))?)
    }
}

/// How many runs of a model take about `ms` milliseconds; at least 20 and at most 200.
pub fn fitting_runs(model: &Model, ms: u64) -> Result<usize, Failure> {
    let mut session = model.session(1)?;
    let (input, mut output) = (test_input(model.program().input_len()), vec![0.0; model.program().output_len()]);
    let start = Instant::now();
    session.run(&input, &mut output)?;
    let runs = Duration::from_millis(ms).as_secs_f64() / start.elapsed().as_secs_f64().max(1e-6);
    Ok((runs as usize).clamp(20, 200))
}

/// The CPU's name, as the system gives it.
pub fn cpu() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| std::env::consts::ARCH.into(), |(_, model)| model.trim().into())
}
