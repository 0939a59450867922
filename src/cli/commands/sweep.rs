//! `sartor sweep`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use sartor::Level;
use sartor::Tunings;
use sartor::measure::sweep::{self, Comparison, Point, Sweep};
use sartor::models::escape;
use sartor::models::zoo::Spec;
use sartor::{Network, Weights};
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::print::{print, print_json, say};
use crate::cli::table::{percent, table};
use crate::cli::timed::{Timed, cpu, fitting_runs};

/// Measure networks over widths, resolutions and levels, and fail if one is far below its nearest neighbour
///
/// A point is a network at a level. It fails if its share of the peak is less than 0.7 of its nearest neighbour's. Neighbours are
/// the network of the same family that is nearest in groups, width and resolution, and the same network at each other level.
/// Points are written as they are measured. If the command is stopped, running it again continues.
#[derive(Args)]
#[command(after_help = "Example: sartor sweep --budget 30 --output docs/sweep.json --plot docs/sweep.svg")]
pub struct SweepArgs {
    /// Measure no further points after this many minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    budget: u64,
    /// The levels [default: all that this CPU has, except portable, which is not made for speed]
    #[arg(long, value_delimiter = ',')]
    levels: Vec<Level>,
    /// Measure only networks with this text in their names
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Run each point for about this many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    time: u64,
    /// The file for the points
    #[arg(long, value_name = "FILE.json", default_value = "docs/sweep.json")]
    output: PathBuf,
    /// The file for the plot
    #[arg(long, value_name = "FILE.svg", default_value = "docs/sweep.svg")]
    plot: PathBuf,
    /// Measure all points again
    #[arg(long)]
    fresh: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl SweepArgs {
    pub fn run(self) -> Result<(), Failure> {
        let levels = self.levels()?;
        let wanted: Vec<(String, Level)> = sweep::grid()
            .into_iter()
            .filter(|name| name.contains(&self.only))
            .flat_map(|name| levels.iter().map(move |&level| (name.clone(), level)))
            .collect();
        if wanted.is_empty() {
            let message = format!("no network of the sweep has '{}' in its name", self.only);
            return Err(Failure::new(message).help(format!("the sweep has {}", sweep::grid().join(", "))));
        }
        let mut measured = self.resume()?;
        let todo: Vec<_> = wanted.iter().filter(|(name, level)| measured.point(name, *level).is_none()).collect();
        let (begun, budget) = (Instant::now(), Duration::from_secs(60 * self.budget));
        for (index, (name, level)) in todo.iter().enumerate() {
            if begun.elapsed() >= budget {
                break;
            }
            say(&format!("{}/{} {name} at {level}", index + 1, todo.len()));
            measured.points.push(measure(name, *level, self.time)?);
            self.write(&measured)?;
        }
        let left = wanted.iter().filter(|(name, level)| measured.point(name, *level).is_none()).count();
        let comparisons: Vec<Comparison> = measured.comparisons();
        let cliffs = comparisons.iter().filter(|verdict| verdict.is_cliff()).count();
        sweep::plot(&measured, &self.plot)?;
        if self.json {
            print_json(&json!({ "sweep": measured, "verdicts": comparisons, "cliffs": cliffs, "left": left }))?;
        } else {
            print(&text(&measured, &comparisons))?;
        }
        if cliffs > 0 {
            let message = format!(
                "in {cliffs} of {} comparisons, a network is below {} of its neighbour's share of the peak",
                comparisons.len(),
                sweep::CLIFF
            );
            return Err(Failure::new(message).help("run sartor explain NETWORK --level LEVEL to see where the time goes"));
        }
        if left > 0 {
            let message = format!("{left} of {} points are not measured yet", wanted.len());
            return Err(Failure::new(message).help("run the same command again to continue"));
        }
        Ok(())
    }

    fn levels(&self) -> Result<Vec<Level>, Failure> {
        if self.levels.is_empty() {
            let all = Level::allowed()?;
            let fast: Vec<Level> = all.iter().copied().filter(|&level| level != Level::Portable).collect();
            return Ok(if fast.is_empty() { all } else { fast });
        }
        self.levels.iter().map(|&level| crate::cli::args::level::choose(Some(level))).collect()
    }

    /// The points that were measured before, if that was on a CPU of the same name.
    fn resume(&self) -> Result<Sweep, Failure> {
        let cpu = cpu();
        let before = if self.fresh { None } else { Sweep::read(&self.output).map_err(|error| at(&self.output, &error))? };
        match before {
            Some(sweep) if sweep.cpu != cpu => {
                let message =
                    format!("{} was measured on {}, this is {cpu}", escape::path(&self.output), escape::line(&sweep.cpu));
                Err(Failure::new(message).help("use --fresh, or another --output FILE.json"))
            }
            before => Ok(before.unwrap_or(Sweep { cpu, points: Vec::new() })),
        }
    }

    fn write(&self, sweep: &Sweep) -> Result<(), Failure> {
        sweep.write(&self.output).map_err(|error| at(&self.output, &error))
    }
}

fn at(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", escape::path(path)))
}

fn measure(name: &str, level: Level, ms: u64) -> Result<Point, Failure> {
    let network: Network = name.parse::<Spec>()?.build()?;
    let weights = Weights::random(&network, 0);
    let report = Timed::run(&network, &weights, level, 1, &Tunings::installed().0, |model| fitting_runs(model, ms))?.report;
    Ok(Point {
        network: report.network,
        level: level.name().into(),
        quiet_ms: report.quiet_ms,
        share_of_peak: report.share_of_peak,
        disturbed: report.disturbed,
        runs: report.runs,
    })
}

fn text(sweep: &Sweep, comparisons: &[Comparison]) -> String {
    let points = table(
        ["network", "level", "quiet ms>", "of peak>", "disturbed>", "runs>"],
        sweep.points.iter().map(|point| {
            let (ms, runs) = (format!("{:.3}", point.quiet_ms), point.runs.to_string());
            [point.network.clone(), point.level.clone(), ms, percent(point.share_of_peak), percent(point.disturbed), runs]
        }),
    );
    let mut lowest: Vec<&Comparison> = comparisons.iter().collect();
    lowest.sort_by(|a, b| a.ratio.total_cmp(&b.ratio));
    let shown = lowest.iter().filter(|verdict| verdict.is_cliff()).count().max(5);
    let neighbours = table(
        ["lowest beside a neighbour", "level", "of peak>", "neighbour", "ratio>", "verdict"],
        lowest.into_iter().take(shown).map(|verdict| {
            let word = if verdict.is_cliff() { "CLIFF" } else { "ok" };
            let (share, ratio) = (percent(verdict.share_of_peak), format!("{:.2}", verdict.ratio));
            [verdict.network.clone(), verdict.level.clone(), share, verdict.neighbour.clone(), ratio, word.into()]
        }),
    );
    format!("{points}\n\n{neighbours}")
}
