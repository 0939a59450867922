//! `sartor tune`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use sartor::Level;
use sartor::codegen::schedule::Options;
use sartor::codegen::tuning::{Choice, LayerChoice, Tile};
use sartor::measure::search::problems;
use sartor::models::escape;
use sartor::tuning::cpu_caches::Sizes;
use sartor::tuning::{Entry, File, default_path};
use serde::Serialize;

use crate::cli::args::source::Source;
use crate::cli::failure::Failure;
use crate::cli::progress;
use crate::cli::table::{percent, table};

/// Time the ways to compute each problem of a network on this machine, and keep the fastest for later compilations
///
/// For every distinct problem, stages, strips of rows, register tiles and how far ahead weights are fetched are compared with what
/// the cost model chooses. The file is written anew after each problem, so that nothing is lost when the command is interrupted; what it
/// already holds for this level and these caches is kept and not measured again.
#[derive(Args)]
#[command(after_help = "Example: sartor tune mobilenet_v2_x1.0 --seconds 300")]
pub struct Tune {
    #[command(flatten)]
    source: Source,
    /// The level [default: the best here]
    #[arg(long)]
    level: Option<Level>,
    /// No trial is begun after this time, except the first of the first problem
    #[arg(long, value_name = "N", default_value_t = 900, conflicts_with = "report")]
    seconds: u64,
    /// Measure again what the file holds
    #[arg(long, conflicts_with = "report")]
    again: bool,
    /// Measure nothing, show what the file holds of the network
    #[arg(long)]
    report: bool,
    /// The file to write [default: tuning.json in the cache's folder, which all commands read]
    #[arg(long, value_name = "F.json")]
    tuning: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is known of a network's problems.
#[derive(Serialize)]
struct Report {
    network: String,
    level: &'static str,
    caches: Sizes,
    #[serde(serialize_with = "crate::cli::as_text")]
    file: PathBuf,
    /// Distinct problems of the network.
    problems: usize,
    /// Of those measured, how many the cost model computes at most 5 % slower than the best.
    within_5_percent: usize,
    measured: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    problem: String,
    #[serde(flatten)]
    entry: Entry,
    /// Time of the cost model's choice over the best, less one.
    behind: f64,
}

/// The cost model should be no further than this from the best.
const NEAR: f64 = 0.05;

impl Tune {
    pub fn run(self) -> Result<(), Failure> {
        let until = Instant::now() + Duration::from_secs(self.seconds);
        let (network, weights, _) = self.source.load()?;
        let level = crate::cli::args::level::choose(self.level)?;
        let options = Options::new(level);
        let caches = Sizes::here();
        let (path, loaded) = match &self.tuning {
            Some(path) => (path.clone(), File::load(path)),
            None => {
                let path = default_path()?;
                let loaded = File::load_own(&path);
                (path, loaded)
            }
        };
        let mut file = match loaded {
            Ok(file) => file,
            // A file that was named may be somebody's; the usual one is ours to make anew.
            Err(error) if self.tuning.is_none() && !self.report => {
                crate::cli::warn(&format!("{error}; it is made anew"));
                // Nothing but a file belongs there, and a pipe would be waited for.
                sartor::files::output::remove_unless_file(&path)
                    .map_err(|error| Failure::new(format!("{}: {error}", escape::path(&path))))?;
                File::default()
            }
            Err(error) => return Err(error.into()),
        };
        let problems = problems(&network, &weights, &options)?;
        if !self.report {
            let known =
                |file: &File, problem: &str| file.machine(level, caches).is_some_and(|m| m.problems.contains_key(problem));
            let todo = problems.runs.iter().filter(|run| self.again || !known(&file, &run.problem)).collect::<Vec<_>>();
            let bar = progress::bar("tuning", todo.len());
            bar.enable_steady_tick(Duration::from_millis(100));
            for (index, run) in todo.into_iter().enumerate() {
                if index > 0 && Instant::now() >= until {
                    break;
                }
                let entry = problems.tune(&network, run, &options, until)?;
                file.machine_mut(level, caches).problems.insert(run.problem.clone(), entry);
                file.save(&path)?;
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
            let message = format!("{} holds nothing measured for {} at {level} with {caches}", escape::path(&path), network.name);
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
        if self.json { crate::cli::print_json(&report) } else { crate::cli::print(&text(&report)) }
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

/// A stage in a few words; `-` is what the cost model decides.
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
