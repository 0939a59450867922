//! `sartor process`

use clap::Args;
use clap::builder::RangedU64ValueParser;
use sartor::measure::bench::Samples;
use sartor::measure::process::{MeasuredProgram, Start};
use sartor::{Level, Model, Network, Session, Weights};
use serde::Serialize;
use std::time::Instant;

use crate::cli::args::source::{Source, Sourced};
use crate::cli::failure::Failure;
use crate::cli::memory::{test_images, zeros};
use crate::cli::print::{print, print_json};
use crate::cli::progress;
use crate::cli::table::{grouped, table};

/// The batch sizes that are timed.
const BATCHES: [usize; 2] = [1, 8];

/// The numbers of threads that are timed.
const THREADS: [usize; 2] = [1, 2];

/// Measure a network as a program of its own: start, memory, size, compile time, threads and batches
///
/// The program is compiled, with its weights inside, and started many times with its file in the page cache. The time to the first answer is
/// measured by the process that starts it, until that can read the first line. The time to the program's usage text is measured in
/// the same way; any start of this executable takes as long. One and two threads, and one image and eight, take turns, so that disturbances
/// affect all alike.
#[derive(Args)]
#[command(after_help = "Example: sartor process mobilenet_v2_x1.0 --rounds 50")]
pub struct Process {
    #[command(flatten)]
    source: Source,
    /// The level [default: the best that this CPU has]
    #[arg(long)]
    level: Option<Level>,
    /// How many times to start the program, and how many rounds of runs to time
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    rounds: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// All results: medians, and minima of those that other programs on the machine can disturb.
#[derive(Serialize)]
struct Report {
    network: String,
    level: &'static str,
    rounds: usize,
    compile_seconds: f64,
    binary_bytes: u64,
    weights_bytes: u64,
    /// The most memory that was resident with one thread, in bytes; `None` if the system does not say.
    resident_bytes: Option<u64>,
    /// Milliseconds until the program's usage text can be read: the time that the system takes to start it.
    usage_ms: Spread,
    starts: Vec<Starts>,
    runs: Vec<Runs>,
}

/// The starts of the program with a number of threads.
#[derive(Serialize)]
struct Starts {
    threads: usize,
    /// Milliseconds until the first answer can be read.
    answer_ms: Spread,
    /// Milliseconds of these until the first stage begins.
    first_stage_ms: Spread,
}

#[derive(Serialize)]
struct Spread {
    median: f64,
    min: f64,
}

/// The runs with a batch size and a number of threads.
#[derive(Serialize)]
struct Runs {
    batch: usize,
    threads: usize,
    /// Milliseconds per image.
    image_ms: Spread,
    /// The throughput divided by that of one thread, for the same batch; medians.
    speedup: f64,
    /// The time per image divided by that of a batch of one, with the same threads; medians.
    beside_one_image: f64,
}

impl Spread {
    fn of(seconds: Vec<f64>, scale: f64) -> Self {
        let samples = Samples::new(seconds);
        Self { median: samples.median() * scale, min: samples.min() * scale }
    }
}

impl Starts {
    fn of(threads: usize, starts: &[Start]) -> Self {
        let spread = |seconds: fn(&Start) -> f64| Spread::of(starts.iter().map(seconds).collect(), 1e3);
        Self { threads, answer_ms: spread(|start| start.answer), first_stage_ms: spread(|start| start.first_stage) }
    }
}

impl Process {
    pub fn run(self) -> Result<(), Failure> {
        let Sourced { network, weights, .. } = self.source.load_or_draw()?;
        let level = crate::cli::args::level::choose(self.level)?;
        let title = format!("compiling {} for {level}", network.name);
        let program = progress::spin(title, || MeasuredProgram::compile(&network, &weights, level))?;
        // The first start may read the file from the disk, so it is not counted.
        program.start(1)?;
        let bar = progress::bar("starting", self.rounds);
        let mut usages = Vec::new();
        let mut starts = THREADS.map(|_| Vec::new());
        for _ in 0..self.rounds {
            usages.push(program.start_for_usage()?);
            for (threads, starts) in THREADS.into_iter().zip(&mut starts) {
                starts.push(program.start(threads)?);
            }
            bar.inc(1);
        }
        drop(bar);
        let report = Report {
            network: network.name.clone(),
            level: level.name(),
            rounds: self.rounds,
            compile_seconds: program.compile_seconds,
            binary_bytes: program.artifact_bytes,
            weights_bytes: program.weights_bytes,
            resident_bytes: starts[0].iter().map(|start| start.resident).max().flatten(),
            usage_ms: Spread::of(usages, 1e3),
            starts: THREADS.into_iter().zip(&starts).map(|(threads, starts)| Starts::of(threads, starts)).collect(),
            runs: runs(&network, &weights, level, self.rounds)?,
        };
        if self.json { print_json(&report) } else { print(&text(&report)) }
    }
}

/// Times all numbers of threads with all batch sizes, in turns.
fn runs(network: &Network, weights: &Weights, level: Level, rounds: usize) -> Result<Vec<Runs>, Failure> {
    struct Case {
        batch: usize,
        threads: usize,
        session: Session,
        input: Vec<f32>,
        output: Vec<f32>,
        seconds: Vec<f64>,
    }
    let mut cases = Vec::new();
    let title = format!("compiling {} for {level}", network.name);
    let model = progress::spin(title, || Model::open(network, weights, level))?;
    for batch in BATCHES {
        for threads in THREADS {
            let input = test_images(batch, model.program().input_len())?;
            let output = zeros(batch, model.program().output_len())?;
            cases.push(Case { batch, threads, session: model.session(threads)?, input, output, seconds: Vec::new() });
        }
    }
    let bar = progress::bar("measuring", rounds);
    for round in 0..=rounds {
        for case in &mut cases {
            if case.threads > 1 {
                // Threads went to sleep in the turns of the others. This run, which is not timed, wakes them, as in a stream of images.
                case.session.run(&case.input, &mut case.output)?;
            }
            let start = Instant::now();
            case.session.run(&case.input, &mut case.output)?;
            // The first round is not counted.
            if round > 0 {
                case.seconds.push(start.elapsed().as_secs_f64() / case.batch as f64);
            }
        }
        bar.inc(1);
    }
    drop(bar);
    let medians: Vec<(usize, usize, f64)> =
        cases.iter().map(|case| (case.batch, case.threads, Samples::new(case.seconds.clone()).median())).collect();
    let median =
        |batch, threads| medians.iter().find(|case| (case.0, case.1) == (batch, threads)).map_or(f64::NAN, |case| case.2);
    let runs = cases.into_iter().map(|case| Runs {
        batch: case.batch,
        threads: case.threads,
        speedup: median(case.batch, 1) / median(case.batch, case.threads),
        beside_one_image: median(case.batch, case.threads) / median(1, case.threads),
        image_ms: Spread::of(case.seconds, 1e3),
    });
    Ok(runs.collect())
}

fn text(report: &Report) -> String {
    let both = |spread: &Spread| (format!("{:.3}", spread.median), format!("{:.3}", spread.min));
    let row = |what: String, spread: &Spread| {
        let (median, min) = both(spread);
        [what, median, min, "ms".into()]
    };
    let usage = row("start to usage, and no run".into(), &report.usage_ms);
    let starts = report.starts.iter().flat_map(|starts| {
        let threads = if starts.threads == 1 { "1 thread".into() } else { format!("{} threads", starts.threads) };
        [("answer", &starts.answer_ms), ("stage", &starts.first_stage_ms)]
            .map(|(what, spread)| row(format!("start to first {what}, {threads}"), spread))
    });
    let whole = |name: &str, value: String, unit: &str| [name.into(), value, String::new(), unit.into()];
    let beyond = report.binary_bytes.saturating_sub(report.weights_bytes);
    let figures = table(
        ["process", "median>", "min>", ""],
        std::iter::once(usage).chain(starts).chain([
            whole("resident at most", report.resident_bytes.map_or("unknown".into(), grouped), "bytes"),
            whole("executable", grouped(report.binary_bytes), "bytes"),
            whole("weights in it", grouped(report.weights_bytes), "bytes"),
            whole("executable beside weights", grouped(beyond), "bytes"),
            whole("compile time", format!("{:.1}", report.compile_seconds), "s"),
        ]),
    );
    let runs = table(
        ["batch>", "threads>", "ms an image>", "min>", "speedup>", "beside one image>"],
        report.runs.iter().map(|runs| {
            let (median, min) = both(&runs.image_ms);
            let ratio = |value: f64| format!("{value:.2}");
            [runs.batch.to_string(), runs.threads.to_string(), median, min, ratio(runs.speedup), ratio(runs.beside_one_image)]
        }),
    );
    format!("{}  {}  {} rounds\n\n{figures}\n\n{runs}", report.network, report.level, report.rounds)
}
