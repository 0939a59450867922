//! `sartor bench`

use clap::Args;
use clap::builder::RangedU64ValueParser;
use sartor::Level;
use sartor::bench::{Report, measure, run_stages, test_input};

use super::engine::{Engine, Kind};
use super::failure::Failure;
use super::progress;
use super::source::Source;
use super::table::{grouped, percent, table};

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
    /// Report every stage; needs one thread and the specialised engine
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
        let (network, weights, _) = self.source.load()?;
        let level = super::level::choose(self.level)?;
        let mut engine = Engine::open(self.engine, &network, &weights, level, self.batch, self.threads)?;
        let shapes = network.outputs().iter().map(|&id| network.node(id).shape.len());
        let mut output = vec![0.0; self.batch * shapes.sum::<usize>()];
        let input = test_input(self.batch * network.input_shape().len());
        let bar = progress::bar("measuring", self.runs);
        let run = |laps: &mut Vec<f64>| match &mut engine {
            Engine::Specialised { session, .. } if staged => Ok(run_stages(session, &input, &mut output, laps)?),
            engine => engine.run(&input, self.batch, &mut output),
        };
        let measured = measure(level, self.runs, run, || bar.inc(1))?;
        drop(bar);
        let macs = network.macs() * self.batch as u64;
        let mut report = measured.report(&network.name, self.engine.name(), level, self.threads, self.batch, macs);
        if let (true, Engine::Specialised { model, .. }) = (self.layers, &engine) {
            report.layers = measured.layers(model.plan());
        }
        if self.json { super::print_json(&report) } else { super::print(&text(&report)) }
    }
}

fn text(report: &Report) -> String {
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
    let layers = report.layers.as_ref().map(|layers| {
        let rows = layers.iter().map(|layer| {
            let us = |value: f64| format!("{value:.1}");
            let numbers = (us(layer.quiet_us), us(layer.median_us), grouped(layer.macs), percent(layer.share_of_peak));
            [layer.name.clone(), numbers.0, numbers.1, numbers.2, numbers.3, layer.kernel.clone()]
        });
        format!("\n\n{}", table(["stage", "quiet us>", "median us>", "MACs>", "of peak>", "kernels"], rows))
    });
    head + &times + &layers.unwrap_or_default()
}
