//! `sartor run`

mod folder;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{ArgGroup, Args};
use sartor::Tunings;
use sartor::data::guess::{Guess, top};
use sartor::data::labels::Labels;
use sartor::data::npy;
use sartor::data::npy::Elements;
use sartor::measure::bench::Samples;
use sartor::models::{Scores, input};
use sartor::{Level, Network, Weights};
use serde_json::{Value, json};

use crate::cli::args::dump::DumpArgs;
use crate::cli::args::engine::{Engine, EngineKind};
use crate::cli::args::picture::{PictureArgs, Read};
use crate::cli::args::source::{Source, Sourced};
use crate::cli::args::tensor;
use crate::cli::args::tuning::TuningArgs;
use crate::cli::failure::Failure;
use crate::cli::memory::zeros;
use crate::cli::print::{print, print_json};
use crate::cli::progress;
use crate::cli::table::{percent, table};

/// Run a network on a picture or on a tensor. It is compiled first, unless it was before
///
/// Pictures are turned upright as their EXIF data says, resized to 256/224 of the input's size (bilinear, with antialiasing), cropped to the
/// input, and normalised with ImageNet's mean and standard deviation. For rexnet_digits, they are resized to 32x32 and normalised to -1..1.
/// Published weights need their own sizes and interpolation. `--preset torchvision-v1` does what torchvision does for its first weights
/// of mobilenet_v2 and efficientnet_b0 to b3; `torchvision-v2` is for the second ones of mobilenet_v2 and efficientnet_b1. The steps are
/// printed.
#[derive(Args)]
#[command(
    group(ArgGroup::new("data").required(true).args(["files", "paths", "input"])),
    after_help = "Example: sartor run rexnet_digits --image examples/digit-7.png --top 3"
)]
pub struct Run {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    tuning: TuningArgs,
    #[command(flatten)]
    pictures: PictureArgs,
    /// Classify many pictures: folders, patterns with *, ? and **, and text files with a path a line. There is a row for each, in the order
    /// of their paths, in --output F.csv or F.jsonl, or on stdout. If it is stopped, the same command goes on. The exit code is 2 if
    /// some pictures could not be read
    #[arg(value_name = "FOLDER|LIST|PATTERN", conflicts_with_all = ["wanted", "input"])]
    files: Vec<PathBuf>,
    /// A tensor of f32, [N, C, H, W] with any N or [C, H, W]: a .npy file, a pipe, or - for the standard input. An ONNX file of several inputs
    /// needs each, by its name
    #[arg(
        long,
        value_name = "[NAME=]F.npy",
        conflicts_with_all = ["preset", "resize", "crop", "interpolation", "mean", "std"]
    )]
    input: Vec<PathBuf>,
    /// Where to write the network's output, or the rows of many pictures. If it has several, the second goes to F.1.npy and so on
    #[arg(long, value_name = "F.npy|F.csv|F.jsonl")]
    output: Option<PathBuf>,
    #[command(flatten)]
    dump: DumpArgs,
    /// The engine
    #[arg(long, value_enum, default_value_t = EngineKind::Specialised)]
    engine: EngineKind,
    /// The level [default: the best that this CPU has]
    #[arg(long)]
    level: Option<Level>,
    /// The number of threads [default: 1; for many pictures, that of the cores, each with a picture of its own]. The generic and reference
    /// engines run a picture on one thread
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// How many classes to print
    #[arg(long, value_name = "K", default_value_t = 5)]
    top: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs are repeated for this many seconds, so that the time is more than chance.
const BUDGET: Duration = Duration::from_millis(300);
/// Runs are not repeated more often than this.
const MOST_RUNS: usize = 200;

impl Run {
    pub fn run(self) -> Result<(), Failure> {
        let sourced = self.source.load()?;
        if !self.files.is_empty() {
            return self.run_folder(&sourced);
        }
        let threads = self.threads.unwrap_or(1);
        let level = crate::cli::args::level::choose(self.level)?;
        let dumps = self.dump.find(&sourced.network, sourced.trace.as_ref())?;
        let (batch, input, pictures, labels) = self.data(&sourced)?;
        let Sourced { network, weights, origin, interface, .. } = sourced;
        let mut engine = Engine::open(self.engine, &network, &weights, level, threads, &self.tuning.load()?)?;
        let shapes: Vec<_> = network.outputs().iter().map(|&id| network.node(id).shape).collect();
        let mut output = zeros(batch, shapes.iter().map(|shape| shape.len()).sum())?;
        let times = time(|| engine.run(&input, batch, &mut output))?;
        if !self.source.allows_non_finite() {
            check_finite(&input, &output)?;
        }
        let generic = match self.engine {
            EngineKind::Specialised => {
                Some(generic_time(&network, &weights, level, &input, batch, &mut zeros(1, output.len())?)?)
            }
            _ => None,
        };

        let mut outputs = Vec::new();
        let mut rest = output.as_slice();
        for (index, shape) in shapes.into_iter().enumerate() {
            let (values, after) = rest.split_at(batch * shape.len());
            rest = after;
            outputs.push(match &interface {
                Some(interface) => tensor::as_in_file(&interface.outputs[index], batch, values),
                None => (vec![batch, shape.c, shape.h, shape.w], values.into()),
            });
        }
        if let Some(path) = &self.output {
            for (index, (shape, values)) in outputs.iter().enumerate() {
                let path = if index == 0 { path.clone() } else { path.with_extension(format!("{index}.npy")) };
                let dims = if interface.is_none() && shape[2..] == [1, 1] { &shape[..2] } else { &shape[..] };
                npy::write(&path, dims, values)?;
            }
        }
        dumps.write(&mut engine, &network, &weights, (&input, batch))?;
        let kind = Scores::of(&network);
        let guesses: Vec<Vec<Guess>> = match &outputs[..] {
            [(shape, scores)] if shape.len() > 1 && shape[2..].iter().all(|&dim| dim == 1) => {
                scores.chunks_exact(shape[1]).map(|scores| top(kind, scores, self.top)).collect()
            }
            _ => Vec::new(),
        };

        if self.json {
            let named = |g: &Guess| json!({"class": g.class, "name": labels.name(g.class), "probability": g.probability});
            let top: Vec<Value> = guesses.iter().map(|image| image.iter().map(named).collect()).collect();
            return print_json(&json!({
                "network": network.name, "weights": origin.name(), "engine": self.engine.name(), "level": level.name(),
                "threads": threads, "batch": batch, "compile_s": engine.built().map(|t| t.as_secs_f64()),
                "median_ms": times.median() * 1e3, "runs": times.len(), "generic_ms": generic.map(|seconds| seconds * 1e3),
                "images": pictures.iter().map(described).collect::<Vec<_>>(),
                "outputs": outputs.iter().map(|(shape, _)| shape).collect::<Vec<_>>(), "top": top,
            }));
        }
        let mut text = String::new();
        for (image, guesses) in guesses.iter().enumerate() {
            let rows = guesses.iter().map(|g| [labels.name(g.class), percent(g.probability)]);
            let title = if guesses.is_empty() || batch == 1 { String::new() } else { format!("image {image}\n") };
            text += &format!("{title}{}\n\n", table(["class", "probability>"], rows));
        }
        if guesses.is_empty() {
            let shapes: Vec<String> = outputs.iter().map(|(shape, _)| format!("{shape:?}")).collect();
            text += &format!("outputs of shape {}\n\n", shapes.join(", "));
        }
        text.extend(pictures.iter().map(|picture| picture.describe() + "\n"));
        let how = match (self.engine, engine.built()) {
            (EngineKind::Specialised, Some(built)) => format!(", compiled in {:.1} s", built.as_secs_f64()),
            (EngineKind::Specialised, None) => ", compiled before".into(),
            _ => String::new(),
        };
        text += &format!(
            "{}, {} weights, level {level}, {} thread{}, {} engine: {:.3} ms ({}{how})",
            network.name,
            origin.name(),
            threads,
            if threads == 1 { "" } else { "s" },
            self.engine.name(),
            times.median() * 1e3,
            if times.len() == 1 { "one run".into() } else { format!("median of {} runs", times.len()) }
        );
        if let Some(generic) = generic {
            let ratio = generic / times.median();
            text += &format!("\nthe generic engine takes {:.3} ms on one thread, {ratio:.1} times as long", generic * 1e3);
        }
        print(&text)
    }

    /// The number of images, their values, the pictures that they were made from, and the names of the classes.
    fn data(&self, sourced: &Sourced) -> Result<(usize, Vec<f32>, Vec<Read>, Labels), Failure> {
        if !self.input.is_empty() {
            let taken: &[Elements] = match sourced.form.elements {
                input::Elements::F32 => &[Elements::F32],
                input::Elements::U8 => &[Elements::U8, Elements::F32],
            };
            let (batch, values) = match &sourced.interface {
                Some(interface) => tensor::inputs(&interface.inputs, &self.input, taken)?,
                None => tensor::maps(&sourced.network, tensor::only(&self.input)?, taken)?,
            };
            return Ok((batch, values, Vec::new(), self.source.labels()?));
        }
        let prepared = self.source.prepared(sourced)?;
        let mut pictures = self.pictures.read(&prepared.steps)?;
        let values =
            pictures.iter_mut().flat_map(|picture| sourced.form.arranged(std::mem::take(&mut picture.input.values))).collect();
        Ok((pictures.len(), values, pictures, prepared.labels))
    }
}

/// How a picture was prepared, as JSON.
fn described(picture: &Read) -> Value {
    let Read { path, steps, input } = picture;
    json!({
        "path": path.display().to_string(), "orientation": input.orientation.number(), "turned": steps.exif, "missing": input.missing,
        "cover": steps.cover, "crop": steps.crop, "interpolation": steps.interpolation.to_string(),
        "mean": steps.mean, "std": steps.std,
    })
}

/// Checks that all values of the answer are finite.
fn check_finite(input: &[f32], output: &[f32]) -> Result<(), Failure> {
    let wrong = |values: &[f32]| values.iter().filter(|value| !value.is_finite()).count();
    if wrong(output) == 0 {
        return Ok(());
    }
    let cause = match wrong(input) {
        0 => "with these weights and this input, values become too large for f32".into(),
        count => format!("{count} of the input's values are NaN or infinite"),
    };
    let message = format!("{} of the answer's {} values are NaN or infinite: {cause}", wrong(output), output.len());
    Err(Failure::new(message).help("use --allow-non-finite to accept such answers"))
}

/// The seconds of runs after the first one, or of the first one if it took long.
fn time(mut run: impl FnMut() -> Result<(), Failure>) -> Result<Samples, Failure> {
    let first = Instant::now();
    progress::spin("running", &mut run)?;
    if first.elapsed() > BUDGET {
        return Ok(Samples::new(vec![first.elapsed().as_secs_f64()]));
    }
    let begin = Instant::now();
    let mut seconds = Vec::new();
    while seconds.is_empty() || (begin.elapsed() < BUDGET && seconds.len() < MOST_RUNS) {
        let start = Instant::now();
        run()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(Samples::new(seconds))
}

/// The median seconds of the generic engine, for comparison.
fn generic_time(
    network: &Network,
    weights: &Weights,
    level: Level,
    input: &[f32],
    batch: usize,
    output: &mut [f32],
) -> Result<f64, Failure> {
    let mut engine = Engine::open(EngineKind::Generic, network, weights, level, 1, &Tunings::none())?;
    Ok(time(|| engine.run(input, batch, output))?.median())
}
