//! `sartor tune`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use sartor::Level;
use sartor::codegen::schedule::Options;
use sartor::codegen::schedule::tuning::{Choice, LayerChoice, Tile};
use sartor::measure::search::problems;
use sartor::models::escape;
use sartor::tuning::cpu_caches::Sizes;
use sartor::tuning::{TunedProblem, TuningFile, default_path, load, load_own, save};
use serde::Serialize;

use crate::cli::args::source::{Source, Sourced};
use crate::cli::failure::Failure;
use crate::cli::print::{print, print_json, warn};
use crate::cli::progress;
use crate::cli::table::{percent, table};

/// Search for the fastest way to compute each problem of a network on this machine, and keep it for later compilations
///
/// For each distinct problem, other stages, strips of rows, register tiles and prefetch distances are timed and compared with the
/// cost model's choice. The file is written after each problem, so that nothing is lost if the command is interrupted. Results
/// that the file has for this level and these cache sizes are kept and not measured again.
#[derive(Args)]
#[command(after_help = "Example: sartor tune mobilenet_v2_x1.0 --seconds 300")]
pub struct Tune {
    #[command(flatten)]
    source: Source,
    /// The level [default: the best that this CPU has]
    #[arg(long)]
    level: Option<Level>,
    /// Begin no trial after this many seconds, except the first trial of the first problem
    #[arg(long, value_name = "N", default_value_t = 900, conflicts_with = "report")]
    seconds: u64,
    /// Measure problems again for which the file has results
    #[arg(long, conflicts_with = "report")]
    again: bool,
    /// Measure nothing: show the file's results for the network
    #[arg(long)]
    report: bool,
    /// The file to write [default: tuning.json in the cache's folder, which all commands read]
    #[arg(long, value_name = "F.json")]
    tuning: Option<PathBuf>,
    /// Measure the problems of the network with all of its 3x3 convolutions computed directly
    #[arg(long)]
    no_winograd: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The results for a network's problems.
#[derive(Serialize)]
struct Report {
    network: String,
    level: &'static str,
    caches: Sizes,
    #[serde(serialize_with = "crate::cli::print::as_text")]
    file: PathBuf,
    /// The number of the network's distinct problems.
    problems: usize,
    /// For how many of the measured problems the cost model's choice is at most 5 % slower than the best.
    within_5_percent: usize,
    measured: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    problem: String,
    #[serde(flatten)]
    entry: TunedProblem,
    /// How much slower the cost model's choice is than the best; 0.05 is 5 %.
    behind: f64,
}

/// The cost model's choice should not be slower than the best by more than this.
const NEAR: f64 = 0.05;

impl Tune {
    pub fn run(self) -> Result<(), Failure> {
        let until = Instant::now() + Duration::from_secs(self.seconds);
        let Sourced { network, weights, .. } = self.source.load_or_draw()?;
        let level = crate::cli::args::level::choose(self.level)?;
        let options = Options { winograd: !self.no_winograd, ..Options::new(level) };
        let caches = Sizes::here();
        let (path, loaded) = match &self.tuning {
            Some(path) => (path.clone(), load(path)),
            None => {
                let path = default_path()?;
                let loaded = load_own(&path);
                (path, loaded)
            }
        };
        let mut file = match loaded {
            Ok(file) => file,
            // A file that the user named is not overwritten if it cannot be read. The one in the cache is.
            Err(error) if self.tuning.is_none() && !self.report => {
                warn(&format!("{error}; a new one is written"));
                // Only a regular file belongs there: reading a pipe would block.
                sartor::files::output::remove_unless_file(&path)
                    .map_err(|error| Failure::new(format!("{}: {error}", escape::path(&path))))?;
                TuningFile::default()
            }
            Err(error) => return Err(error.into()),
        };
        let problems = problems(&network, &weights, &options)?;
        if !self.report {
            let known =
                |file: &TuningFile, problem: &str| file.machine(level, caches).is_some_and(|m| m.problems.contains_key(problem));
            let todo = problems.runs.iter().filter(|run| self.again || !known(&file, &run.problem)).collect::<Vec<_>>();
            let bar = progress::bar("tuning", todo.len());
            bar.enable_steady_tick(Duration::from_millis(100));
            for (index, run) in todo.into_iter().enumerate() {
                if index > 0 && Instant::now() >= until {
                    break;
                }
                let entry = problems.tune(&network, run, &options, until)?;
                file.machine_mut(level, caches).problems.insert(run.problem.clone(), entry);
                save(&file, &path)?;
                bar.inc(1);
            }
        }
        let empty = BTreeMap::new();
        let known = file.machine(level, caches).map_or(&empty, |machine| &machine.problems);
        let rows = problems.runs.iter().filter_map(|run| {
            let entry = known.get(&run.problem)?.clone();
            let behind = entry.model_us / entry.best_us.max(1e-3) - 1.0;
            Some(Row { problem: run.problem.clone(), entry, behind })
        });
        let measured: Vec<Row> = rows.collect();
        if measured.is_empty() {
            let message = format!("{} has no results for {} at level {level} with {caches}", escape::path(&path), network.name);
            return Err(Failure::new(message).help(format!("run sartor tune {} first", network.name)));
        }
        let report = Report {
            network: network.name,
            level: level.name(),
            caches,
            file: path,
            problems: problems.runs.len(),
            within_5_percent: measured.iter().filter(|row| row.behind <= NEAR).count(),
            measured,
        };
        if self.json { print_json(&report) } else { print(&text(&report)) }
    }
}

fn text(report: &Report) -> String {
    let rows = report.measured.iter().map(|row| {
        let us = |value: f64| format!("{value:.1}");
        let stages: Vec<String> = row.entry.stages.iter().map(stage).collect();
        [us(row.entry.model_us), us(row.entry.best_us), percent(row.behind), stages.join(" | "), row.problem.clone()]
    });
    format!(
        "{}  {}  {}\n\n{}\n\n{} of {} problems measured; the cost model is within 5 % of the best for {} of them\n{}",
        report.network,
        report.level,
        report.caches,
        table(["model us>", "best us>", "behind>", "fastest stages", "problem"], rows),
        report.measured.len(),
        report.problems,
        report.within_5_percent,
        escape::path(&report.file)
    )
}

/// A stage in a few words. `-` stands for what the cost model decides.
fn stage(choice: &Choice) -> String {
    let tile = |tile: &Tile| format!("{}x{}", tile.pixels, 16 * tile.panels);
    match choice {
        Choice::Rows { strip, layers } => {
            let layer = |layer: &LayerChoice| {
                let parts = [
                    layer.rows.map(|rows| format!("rows {rows}")),
                    layer.tile.as_ref().map(tile),
                    layer.columns.map(|columns| format!("columns {columns}")),
                ];
                let parts: Vec<String> = parts.into_iter().flatten().collect();
                if parts.is_empty() { "-".into() } else { parts.join(" ") }
            };
            format!("strip {strip}: {}", layers.iter().map(layer).collect::<Vec<_>>().join(", "))
        }
        Choice::Panels(how) => {
            let parts = [
                how.panels.map(|panels| format!("{panels} a unit")),
                how.ahead.map(|ahead| format!("ahead {ahead}")),
                how.tile.as_ref().map(tile),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            format!("panels: {}", if parts.is_empty() { "-".into() } else { parts.join(" ") })
        }
    }
}
