//! `sartor bench`

use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::RangedU64ValueParser;
use sartor::Tunings;
use sartor::codegen::schedule::check_batch;
use sartor::measure::bench::{Measurement, Report, measure, run_stages, test_input};
use sartor::measure::explain::{Explanation, Stage};
use sartor::{Level, Model, Network, Weights};
use serde::Serialize;

use crate::cli::args::engine::{Engine, Kind};
use crate::cli::args::source::Source;
use crate::cli::args::tuning::TuningArgs;
use crate::cli::failure::Failure;
use crate::cli::memory::{test_images, zeros};
use crate::cli::progress;
use crate::cli::table::{grouped, percent, table};

/// Measure how fast a network runs, and how near that is to what the CPU can do
///
/// Between runs, two short loops probe the core: one of nothing but FMAs, whose best run is the peak, and a register tile in L1,
/// which shows whether a neighbour on the same core was at work. quiet_ms is the sum over stages of each stage's 5th percentile:
/// what the program takes on an undisturbed core.
#[derive(Args)]
#[command(after_help = "Example: sartor bench mobilenet_v2_x1.0 --threads 1 --layers")]
pub struct Bench {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    tuning: TuningArgs,
    /// The level [default: the best here]
    #[arg(long)]
    level: Option<Level>,
    /// Threads; stages are timed one by one only with 1, and the engines generic and reference run on 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Images of a run
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
    /// The engine
    #[arg(long, value_enum, default_value_t = Kind::Specialised)]
    engine: Kind,
    /// Runs to time
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    runs: usize,
    /// Report every stage and what bounds it, as `explain` does; needs one thread and the specialised engine
    #[arg(long)]
    layers: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub fn run(self) -> Result<(), Failure> {
        let staged = self.threads == 1 && self.engine == Kind::Specialised;
        if self.layers && !staged {
            return Err(Failure::new("--layers needs --threads 1 and --engine specialised").help("leave --layers out"));
        }
        if self.layers && self.batch != 1 {
            let message = format!("--layers needs --batch 1, not {}: every image takes the same stages", self.batch);
            return Err(Failure::new(message).help("leave --batch or --layers out"));
        }
        let (network, weights, _) = self.source.load()?;
        check_batch(&network, self.batch)?;
        let level = crate::cli::args::level::choose(self.level)?;
        if self.layers {
            let explanation = Timed::run(&network, &weights, level, 1, &self.tuning.load()?, |_| Ok(self.runs))?.explain()?;
            return if self.json {
                print_layers(&explanation)
            } else {
                crate::cli::print(&text(&explanation.report, &explanation.stages))
            };
        }
        let report = if staged {
            Timed::run(&network, &weights, level, self.batch, &self.tuning.load()?, |_| Ok(self.runs))?.report
        } else {
            let mut engine = Engine::open(self.engine, &network, &weights, level, self.threads, &self.tuning.load()?)?;
            let shapes = network.outputs().iter().map(|&id| network.node(id).shape.len());
            let mut output = zeros(self.batch, shapes.sum())?;
            let input = test_images(self.batch, network.input_shape().len())?;
            let bar = progress::bar("measuring", self.runs);
            let measured =
                measure(level, self.threads, self.runs, |_| engine.run(&input, self.batch, &mut output), || bar.inc(1))?;
            let macs = network.macs() * self.batch as u64;
            measured.report(&network.name, self.engine.name(), level, self.threads, self.batch, macs)
        };
        if self.json { crate::cli::print_json(&report) } else { crate::cli::print(&text(&report, &[])) }
    }
}

/// A compiled network whose stages were timed one by one.
pub struct Timed {
    pub model: Model,
    pub measured: Measurement,
    pub report: Report,
    pub level: Level,
}

impl Timed {
    /// Compiles a network and times as many runs on one thread as `runs` says.
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
        let macs = network.macs() * batch as u64;
        let report = measured.report(&network.name, Kind::Specialised.name(), level, 1, batch, macs);
        Ok(Self { model, measured, report, level })
    }
}

/// How many runs of a model take so many milliseconds, about: at least 20, at most 200.
pub fn fitting_runs(model: &Model, ms: u64) -> Result<usize, Failure> {
    let mut session = model.session(1)?;
    let (input, mut output) = (test_input(model.program().input_len()), vec![0.0; model.program().output_len()]);
    let start = Instant::now();
    session.run(&input, &mut output)?;
    let runs = Duration::from_millis(ms).as_secs_f64() / start.elapsed().as_secs_f64().max(1e-6);
    Ok((runs as usize).clamp(20, 200))
}

fn print_layers(explanation: &Explanation) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct WithLayers<'a> {
        #[serde(flatten)]
        report: &'a Report,
        layers: &'a [Stage],
    }
    crate::cli::print_json(&WithLayers { report: &explanation.report, layers: &explanation.stages })
}

fn text(report: &Report, stages: &[Stage]) -> String {
    let head = format!(
        "{}  {}  {}  threads {}  batch {}\n\n",
        report.network, report.engine, report.level, report.threads, report.batch
    );
    let ms = |value: f64| format!("{value:.3}");
    let times = table(
        ["quiet ms>", "median ms>", "p10 ms>", "p90 ms>", "min ms>", "runs>", "MACs>", "peak GFLOP/s>", "of peak>", "disturbed>"],
        [[
            ms(report.quiet_ms),
            ms(report.median_ms),
            ms(report.p10_ms),
            ms(report.p90_ms),
            ms(report.min_ms),
            report.runs.to_string(),
            grouped(report.macs),
            format!("{:.1}", report.peak_gflops),
            percent(report.share_of_peak),
            percent(report.disturbed),
        ]],
    );
    let rows = stages.iter().map(|stage| {
        let us = |value: f64| format!("{value:.1}");
        let kilobytes = |bytes: u64| grouped(bytes.div_ceil(1000));
        let traffic = &stage.counts.traffic;
        let kernels = stage.layers.iter().map(|layer| layer.kernel.as_str()).collect::<Vec<_>>().join(" + ");
        [
            stage.name.clone(),
            us(stage.quiet_us),
            us(stage.median_us),
            grouped(stage.macs),
            percent(stage.share_of_peak),
            stage.bound_by.into(),
            percent(stage.explained),
            kilobytes(traffic.l2),
            kilobytes(traffic.l3),
            kilobytes(traffic.dram),
            kernels,
        ]
    });
    let titles = [
        "stage",
        "quiet us>",
        "median us>",
        "MACs>",
        "of peak>",
        "bound by",
        "explained>",
        "L1-L2 kB>",
        "L2-L3 kB>",
        "L3-DRAM kB>",
        "kernels",
    ];
    let layers = if stages.is_empty() { String::new() } else { format!("\n\n{}", table(titles, rows)) };
    head + &times + &layers
}
