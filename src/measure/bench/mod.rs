//! Times programs on a machine that others use too.
//!
//! Other programs on the same physical core slow a run down, in bursts that can be shorter than the run. So a program on one thread is timed
//! stage by stage, and between runs two [probes](Probe) measure what the core can do at that moment. The results are the median of
//! whole runs, their minimum, and the *quiet* time. This is the sum, over the stages, of each stage's 5th percentile: the time that the
//! program takes on an undisturbed core.

mod core_speed;
mod probe;
mod statistics;
mod stream;

use std::time::Instant;

use sartor_kernels::runtime::{Level, Session, SessionError};
use serde::Serialize;

pub use core_speed::CoreSpeed;
pub use probe::Probe;
pub use statistics::Samples;

/// A tile probe counts as disturbed if it is below the best one by this share.
const DISTURBED: f64 = 0.08;

/// How many runs are not counted at first.
const WARM_UP: usize = 3;

/// The times of the runs, and the results of the probes between them.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// The seconds of whole runs.
    pub runs: Samples,
    /// The seconds of each stage; empty if only whole runs were timed.
    pub stages: Vec<Samples>,
    /// The best result of the FMA loop on one core, in GFLOP/s.
    pub peak_gflops: f64,
    /// The share of tile probes that were disturbed.
    pub disturbed: f64,
}

/// Times `runs` calls of `run`. It may report the seconds of each of its stages, in order.
///
/// With several `threads`, a run that is not timed comes before each timed one: threads go to sleep during the probes, and waking
/// them up is not part of running one image after another. `progress` is called after each run.
///
/// # Errors
/// The first error of `run`.
///
/// # Panics
/// If `runs` is zero or the CPU lacks the level.
pub fn measure<E>(
    level: Level,
    threads: usize,
    runs: usize,
    mut run: impl FnMut(&mut Vec<f64>) -> Result<(), E>,
    mut progress: impl FnMut(),
) -> Result<Measurement, E> {
    let probe = Probe::new(level).expect("the CPU has the program's level");
    let (mut whole, mut stages, mut tiles) = (Vec::new(), Vec::<Vec<f64>>::new(), Vec::new());
    let mut peak = 0f64;
    let mut laps = Vec::new();
    for index in 0..WARM_UP + runs {
        if threads > 1 {
            run(&mut laps)?;
        }
        laps.clear();
        let start = Instant::now();
        run(&mut laps)?;
        let elapsed = start.elapsed().as_secs_f64();
        peak = peak.max(probe.fma());
        tiles.push(probe.tile());
        if index < WARM_UP {
            continue;
        }
        whole.push(elapsed);
        stages.resize_with(laps.len(), Vec::new);
        stages.iter_mut().zip(&laps).for_each(|(stage, &seconds)| stage.push(seconds));
        progress();
    }
    let tiles = Samples::new(tiles);
    Ok(Measurement {
        runs: Samples::new(whole),
        stages: stages.into_iter().map(Samples::new).collect(),
        peak_gflops: peak,
        disturbed: tiles.share_below(tiles.max() * (1.0 - DISTURBED)),
    })
}

/// Runs a session once, stage by stage, and reports the seconds of each stage.
///
/// # Errors
/// If the length of the input or output is not the program's.
pub fn run_stages(session: &mut Session, input: &[f32], output: &mut [f32], laps: &mut Vec<f64>) -> Result<(), SessionError> {
    let mut start = Instant::now();
    let program = session.program();
    for turn in 0..session.turns(input.len() / program.input_len()) {
        for stage in 0..program.stages().len() {
            session.run_stage(turn, stage, input, output)?;
            let end = Instant::now();
            laps.push((end - start).as_secs_f64());
            start = end;
        }
    }
    Ok(())
}

/// Values in `-1..1` that look random. They are the same in every call.
pub fn test_input(len: usize) -> Vec<f32> {
    let mut input = vec![0.0; len];
    fill(&mut input);
    input
}

/// Fills a slice with the values of [`test_input`].
pub fn fill(input: &mut [f32]) {
    // Multiples of the golden ratio are equidistributed; the square makes them irregular.
    let value = |i: u64| (i.wrapping_mul(i).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
    input.iter_mut().zip(1..).for_each(|(input, i)| *input = value(i));
}

impl Measurement {
    /// The seconds that the program takes on an undisturbed core.
    pub fn quiet(&self) -> f64 {
        if self.stages.is_empty() { self.runs.quiet() } else { self.stages.iter().map(Samples::quiet).sum() }
    }
}

/// A measurement of one network, as `bench --json` prints it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The network's name.
    pub network: String,
    /// `specialised`, `generic` or `reference`.
    pub engine: String,
    /// The level's name.
    pub level: &'static str,
    /// Threads.
    pub threads: usize,
    /// Images of a run.
    pub batch: usize,
    /// How many runs were timed.
    pub runs: usize,
    /// The share of tile probes that were disturbed: more than 8 % below the best.
    pub disturbed: f64,
    /// The median of whole runs.
    pub median_ms: f64,
    /// The 10th percentile of whole runs.
    pub p10_ms: f64,
    /// The 90th percentile of whole runs.
    pub p90_ms: f64,
    /// The fastest whole run.
    pub min_ms: f64,
    /// The sum, over the stages, of each stage's 5th percentile. If stages are not timed, the 5th percentile of whole runs.
    pub quiet_ms: f64,
    /// Multiply-accumulates of a run.
    pub macs: u64,
    /// The best result of the FMA loop on one core, times the number of threads.
    pub peak_gflops: f64,
    /// `2 * macs / quiet_ms`, divided by the peak.
    pub share_of_peak: f64,
}

impl Measurement {
    /// The report of a measurement.
    pub fn report(&self, network: &str, engine: &str, level: Level, threads: usize, batch: usize, macs: u64) -> Report {
        let peak_gflops = self.peak_gflops * threads as f64;
        let ms = |p: f64| self.runs.percentile(p) * 1e3;
        Report {
            network: network.into(),
            engine: engine.into(),
            level: level.name(),
            threads,
            batch,
            runs: self.runs.len(),
            disturbed: self.disturbed,
            median_ms: ms(50.0),
            p10_ms: ms(10.0),
            p90_ms: ms(90.0),
            min_ms: self.runs.min() * 1e3,
            quiet_ms: self.quiet() * 1e3,
            macs,
            peak_gflops,
            share_of_peak: share(macs, self.quiet(), peak_gflops),
        }
    }
}

/// `2 * macs / seconds`, divided by the peak.
pub(crate) fn share(macs: u64, seconds: f64, peak_gflops: f64) -> f64 {
    2.0 * macs as f64 / seconds.max(1e-9) / (peak_gflops * 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_adds_the_stages_up_and_warm_up_does_not_count() {
        let mut calls = 0;
        let measured = measure::<()>(
            Level::Portable,
            1,
            20,
            |laps| {
                calls += 1;
                let first = if calls <= WARM_UP { 100.0 } else { 1.0 };
                laps.extend([first, 2.0]);
                Ok(())
            },
            || {},
        )
        .unwrap();
        assert_eq!(calls, 20 + WARM_UP);
        assert_eq!(measured.quiet(), 3.0);
        assert!((0.0..=1.0).contains(&measured.disturbed) && measured.peak_gflops > 0.0);
        let report = measured.report("net", "specialised", Level::Portable, 2, 1, 3_000_000_000);
        assert_eq!(report.peak_gflops, 2.0 * measured.peak_gflops);
        assert!((report.share_of_peak - 2.0 / report.peak_gflops).abs() < 1e-12);
    }

    #[test]
    fn an_error_ends_the_measurement() {
        assert_eq!(measure(Level::Portable, 1, 5, |_| Err("no"), || {}).unwrap_err(), "no");
    }

    #[test]
    fn test_input_is_spread_over_its_range() {
        let values = test_input(10_000);
        let mean = values.iter().sum::<f32>() / 10_000.0;
        assert!(values.iter().all(|v| (-1.0..1.0).contains(v)) && mean.abs() < 0.05, "{mean}");
    }
}
