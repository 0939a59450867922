//! `sartor bench`

use clap::Args;
use clap::builder::RangedU64ValueParser;
use sartor::Level;
use sartor::codegen::schedule::check_batch;
use sartor::measure::bench::{Report, measure};
use sartor::measure::explain::{ExplainedStage, Explanation};
use serde::Serialize;

use crate::cli::args::engine::{Engine, EngineKind};
use crate::cli::args::source::{Source, Sourced};
use crate::cli::args::tuning::TuningArgs;
use crate::cli::failure::Failure;
use crate::cli::memory::{test_images, zeros};
use crate::cli::print::{print, print_json};
use crate::cli::progress;
use crate::cli::table::{grouped, percent, table};
use crate::cli::timed::Timed;

/// Measure how fast a network runs, and how close that is to the CPU's limits
///
/// Between runs, two short loops measure what the core can do. The best run of a loop of FMAs alone is the peak. A register tile
/// with operands in L1 shows whether another program was running on the same core. quiet_ms is the time on an undisturbed core:
/// the sum, over the stages, of each stage's 5th percentile.
#[derive(Args)]
#[command(after_help = "Example: sartor bench mobilenet_v2_x1.0 --threads 1 --layers")]
pub struct Bench {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    tuning: TuningArgs,
    /// The level [default: the best that this CPU has]
    #[arg(long)]
    level: Option<Level>,
    /// The number of threads. With one thread, stages are timed one by one. The generic and reference engines run on one thread
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Images per run
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
    /// The engine
    #[arg(long, value_enum, default_value_t = EngineKind::Specialised)]
    engine: EngineKind,
    /// How many runs to time
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    runs: usize,
    /// Report every stage and what limits it, as `explain` does. Needs one thread, one image and the specialised engine
    #[arg(long)]
    layers: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub fn run(self) -> Result<(), Failure> {
        let staged = self.threads == 1 && self.engine == EngineKind::Specialised;
        if self.layers && !staged {
            return Err(Failure::new("--layers needs --threads 1 and --engine specialised").help("leave --layers out"));
        }
        if self.layers && self.batch != 1 {
            let message = format!("--layers needs --batch 1, not {}: all images go through the same stages", self.batch);
            return Err(Failure::new(message).help("leave --batch or --layers out"));
        }
        let Sourced { network, weights, .. } = self.source.load_or_draw()?;
        check_batch(&network, self.batch)?;
        let level = crate::cli::args::level::choose(self.level)?;
        if self.layers {
            let explanation = Timed::run(&network, &weights, level, 1, &self.tuning.load()?, |_| Ok(self.runs))?.explain()?;
            return if self.json { print_layers(&explanation) } else { print(&text(&explanation.report, &explanation.stages)) };
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
            let macs = engine.macs(&network) * self.batch as u64;
            measured.report(&network.name, self.engine.name(), level, self.threads, self.batch, macs)
        };
        if self.json { print_json(&report) } else { print(&text(&report, &[])) }
    }
}

fn print_layers(explanation: &Explanation) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct WithLayers<'a> {
        #[serde(flatten)]
        report: &'a Report,
        layers: &'a [ExplainedStage],
    }
    print_json(&WithLayers { report: &explanation.report, layers: &explanation.stages })
}

fn text(report: &Report, stages: &[ExplainedStage]) -> String {
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
