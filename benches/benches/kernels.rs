//! One group for each kernel family. It compares the specialised kernel, the generic one and the reference, at the best level that
//! this CPU has and `SARTOR_MAX_LEVEL` allows. Elements are floating-point operations.
//!
//! The first run compiles every problem; later ones take them from Sartor's cache.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use sartor::Level;
use sartor::measure::bench::Probe;
use sartor_benches::{Engine, Family, Problem, Work, problems};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let level = Level::best()?;
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let problems = problems();
    for family in Family::ALL {
        let mut summary = Summary::new(level);
        let mut group = criterion.benchmark_group(family.name());
        for problem in problems.iter().filter(|problem| problem.family == family) {
            group.throughput(match problem.work {
                Work::Flops(flops) => Throughput::Elements(flops),
                Work::Bytes(bytes) => Throughput::Bytes(bytes),
            });
            for engine in Engine::ALL {
                let mut runner = None;
                group.bench_function(BenchmarkId::new(engine.name(), &problem.line), |bencher| {
                    let runner = runner.get_or_insert_with(|| {
                        engine.open(problem, level).unwrap_or_else(|error| panic!("{}: {error}", problem.line))
                    });
                    bencher.iter_custom(|iterations| {
                        let start = Instant::now();
                        (0..iterations).for_each(|_| black_box(&mut *runner).run());
                        let elapsed = start.elapsed();
                        summary.record(problem, engine, elapsed.as_secs_f64() / iterations as f64);
                        elapsed
                    });
                });
            }
        }
        group.finish();
        // Only `cargo bench` measures. `cargo test` runs everything once.
        if std::env::args().any(|arg| arg == "--bench") {
            summary.print(family);
        }
    }
    criterion.final_summary();
    Ok(())
}

/// The best times of a group, beside the best rate that the core reached in the same minutes.
struct Summary<'a> {
    level: Level,
    probe: Option<Probe>,
    /// GFLOP/s of the FMA loop.
    peak: f64,
    /// Seconds.
    best: Vec<(&'a Problem, Engine, f64)>,
}

impl<'a> Summary<'a> {
    fn new(level: Level) -> Self {
        Self { level, probe: Probe::new(level), peak: 0.0, best: Vec::new() }
    }

    fn record(&mut self, problem: &'a Problem, engine: Engine, seconds: f64) {
        self.peak = self.probe.as_ref().map_or(0.0, |probe| self.peak.max(probe.fma()));
        match self.best.iter_mut().find(|(p, e, _)| p.line == problem.line && *e == engine) {
            Some((_, _, best)) => *best = seconds.min(*best),
            None => self.best.push((problem, engine, seconds)),
        }
    }

    fn print(&self, family: Family) {
        if self.best.is_empty() {
            return;
        }
        println!("{} at {}, best times; FMA peak {:.0} GFLOP/s", family.name(), self.level, self.peak);
        for &(problem, engine, seconds) in &self.best {
            let speed = match problem.work {
                Work::Flops(flops) => {
                    let gflops = flops as f64 / seconds / 1e9;
                    format!("{gflops:8.1} GFLOP/s {:5.1} % of peak", 100.0 * gflops / self.peak)
                }
                Work::Bytes(bytes) => format!("{:8.1} GB/s", bytes as f64 / seconds / 1e9),
            };
            println!("  {:<49} {:<11} {:>9.1} us {speed}", problem.line, engine.name(), seconds * 1e6);
        }
        println!();
    }
}
