//! `sartor explain`

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::RangedU64ValueParser;
use sartor::Level;
use sartor::measure::bench::{CoreSpeed, Report};
use sartor::measure::explain::{ExplainedLayer, ExplainedStage, Explanation, page};
use sartor::models::escape;

use crate::cli::args::source::{Source, Sourced};
use crate::cli::args::tuning::TuningArgs;
use crate::cli::failure::Failure;
use crate::cli::print::{print, print_json};
use crate::cli::table::{grouped, percent, table};
use crate::cli::timed::{Timed, cpu};

/// Show where a network's time goes, stage by stage, and what limits each stage
///
/// Each resource of the core gives a least time for a stage: its multiply-adds at the peak (FMA), all its vector arithmetic
/// (operations), its loads and stores in L1, its bytes from L2, L3 and memory (DRAM), and multiply-adds that wait for each other
/// (latency). The stage is bound by the resource with the largest of these times. Counts and bytes come from the plan; rates and
/// bandwidths are measured in the same run. `explained` is the largest time divided by the measured one. Below 60 %, the model
/// does not say what limits the stage.
#[derive(Args)]
#[command(after_help = "Example: sartor explain mobilenet_v2_x1.0 --html mobilenet_v2.html")]
pub struct Explain {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    tuning: TuningArgs,
    /// The level [default: the best that this CPU has]
    #[arg(long)]
    level: Option<Level>,
    /// How many runs to time
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    runs: usize,
    /// Write an HTML page with a roofline plot and a bar for each stage
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Show the register tiles that each layer could have, with the cost model's estimates
    #[arg(long)]
    tiles: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub fn run(self) -> Result<(), Failure> {
        let Sourced { network, weights, .. } = self.source.load_or_draw()?;
        let level = crate::cli::args::level::choose(self.level)?;
        let timed = Timed::run(&network, &weights, level, 1, &self.tuning.load()?, |_| Ok(self.runs))?;
        let explanation = timed.explain()?;
        if let Some(path) = &self.html {
            write_page(path, &explanation)?;
        }
        if self.json {
            return print_json(&explanation);
        }
        let mut text = format!("{}\n\n{}\n\n{}", head(&explanation.report), stages(&explanation), limits(&explanation.machine));
        if self.tiles {
            text += &format!("\n\n{}", tiles(&explanation));
        }
        if let Some(path) = &self.html {
            text += &format!("\n\npage {}", escape::path(path));
        }
        print(&text)
    }
}

fn write_page(path: &Path, explanation: &Explanation) -> Result<(), Failure> {
    let page = page(explanation, &cpu())?;
    sartor::files::output::write_file(path, |file| file.write_all(page.as_bytes()))
        .map_err(|error: io::Error| Failure::new(format!("{}: {error}", escape::path(path))).help("use another --html FILE"))
}

fn head(report: &Report) -> String {
    format!(
        "{}  {}: {:.3} ms, {} of the peak of {:.1} GFLOP/s ({} of the probes disturbed)",
        report.network,
        report.level,
        report.quiet_ms,
        percent(report.share_of_peak),
        report.peak_gflops,
        percent(report.disturbed)
    )
}

/// A table with a row for each stage.
fn stages(explanation: &Explanation) -> String {
    let row = |stage: &ExplainedStage| {
        let kilobytes = |bytes: u64| grouped(bytes.div_ceil(1000));
        let counts = &stage.counts;
        let kernels = stage.layers.iter().map(|layer| layer.kernel.as_str()).collect::<Vec<_>>().join(" + ");
        [
            stage.name.clone(),
            format!("{:.1}", stage.quiet_us),
            if stage.macs == 0 { String::new() } else { percent(stage.share_of_peak) },
            stage.bound_by.into(),
            format!("{} {:.1}", stage.bounds[0].resource, stage.bounds[0].us),
            percent(stage.explained),
            kilobytes(counts.weight_bytes),
            kilobytes(counts.read_bytes),
            kilobytes(counts.written_bytes),
            kilobytes(counts.ring_bytes),
            kilobytes(counts.traffic.l2),
            kilobytes(counts.traffic.l3),
            kilobytes(counts.traffic.dram),
            kernels,
        ]
    };
    table(
        [
            "stage",
            "quiet us>",
            "of peak>",
            "bound by",
            "bound us>",
            "explained>",
            "weights kB>",
            "read kB>",
            "written kB>",
            "rings kB>",
            "L1-L2 kB>",
            "L2-L3 kB>",
            "L3-DRAM kB>",
            "kernels",
        ],
        explanation.stages.iter().map(row),
    )
}

fn limits(machine: &CoreSpeed) -> String {
    let rows = [
        ("multiply-adds", machine.fma_gflops, "GFLOP/s"),
        ("a register tile in L1", machine.tile_gflops, "GFLOP/s"),
        ("multiply-adds and additions", machine.operations, "vectors/ns"),
        ("loads from L1", machine.loads, "vectors/ns"),
        ("broadcasts from L1", machine.broadcasts, "vectors/ns"),
        ("stores to L1", machine.stores, "vectors/ns"),
        ("from L2", machine.l2_gbs, "GB/s"),
        ("from L3", machine.l3_gbs, "GB/s"),
        ("from memory", machine.dram_gbs, "GB/s"),
        ("multiply-add latency", machine.fma_latency_ns, "ns"),
    ];
    let mut text = table(
        ["one core at most", "measured>", ""],
        rows.map(|(name, value, unit)| [name.into(), format!("{value:.2}"), unit.into()]),
    );
    if !machine.caches.known {
        text += "\nthe system does not give all cache sizes; usual ones are assumed";
    }
    text
}

/// A table with the tiles of each layer.
fn tiles(explanation: &Explanation) -> String {
    let layers = explanation.stages.iter().flat_map(|stage| &stage.layers).filter(|layer| !layer.tiles.is_empty());
    let row = |layer: &ExplainedLayer| {
        let others = layer.tiles.iter().map(|tile| match tile.ratio {
            1.0 => format!("{} ({})", tile.tile, tile.limit),
            ratio => format!("{} +{:.1} % ({})", tile.tile, (ratio - 1.0) * 100.0, tile.limit),
        });
        [layer.name.clone(), layer.tile.clone(), others.collect::<Vec<_>>().join(", ")]
    };
    table(["layer", "tile", "estimates, best first, and what limits a full tile"], layers.map(row))
}
