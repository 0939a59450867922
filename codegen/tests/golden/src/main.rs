//! Runs `golden` on an .npy file and prints the best classes.

mod files;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use golden as network;

use files::npy::Elements;
use files::{npy, output};
use network::runtime::Aligned;
use network::{INPUT, INPUT_LEN, Level, Model, OUTPUT_LEN, OUTPUTS};

const USAGE: &str = "\
usage: golden INPUT.npy [--output OUTPUT.npy] [--threads N] [--top K] [--level LEVEL] [--allow-non-finite]
example: golden images.npy --top 3

  INPUT.npy           little-endian f32, images x channels x rows x columns, in C order; - is the standard input
  --output FILE.npy   writes all values that the network computes; several outputs follow one another
  --threads N         threads [default: 1]
  --top K             classes to print for each image [default: 5]
  --level LEVEL       avx512, avx2, neon or portable [default: the best of this CPU]
  --allow-non-finite  takes an answer that is NaN or infinite
  --                  what follows is the input, even if it begins with -";

// The unwinder linked in is one library less to load at the start.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[link(name = "gcc_eh", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}

/// What the values of the input may be.
const TAKEN: [Elements; 1] = [Elements::F32];

/// What the command line asks for.
struct Options {
    input: PathBuf,
    output: Option<PathBuf>,
    threads: usize,
    top: usize,
    level: Option<Level>,
    allow_non_finite: bool,
}

fn main() -> ExitCode {
    match options(std::env::args_os().skip(1)) {
        Ok(Some(options)) => exit_code(run(&options), 1),
        Ok(None) => exit_code(print(USAGE), 1),
        Err(error) => exit_code(Err(format!("{error}\n\n{USAGE}")), 2),
    }
}

fn exit_code(result: Result<(), String>, failure: u8) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even this cannot be written, the exit code remains.
            let _ = writeln!(io::stderr(), "error: {}", shown(&error));
            ExitCode::from(failure)
        }
    }
}

/// Text as a terminal may have it: what a file's name holds does not command it.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\'' | '"' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// The options, or nothing where help is asked for.
fn options(mut args: impl Iterator<Item = OsString>) -> Result<Option<Options>, String> {
    let (mut input, mut output, mut threads, mut top, mut level) = (None, None, None, None, None);
    let (mut allow_non_finite, mut only_files) = (false, false);
    while let Some(arg) = args.next() {
        let name = arg.to_string_lossy().into_owned();
        if only_files || name == "-" || !name.starts_with('-') {
            if input.replace(PathBuf::from(arg)).is_some() {
                return Err(format!("'{name}' is one file too many: give one .npy file"));
            }
            continue;
        }
        let mut value = || args.next().ok_or_else(|| format!("{name} needs a value"));
        let twice = match name.as_str() {
            "--output" => output.replace(PathBuf::from(value()?)).is_some(),
            "--threads" => threads.replace(number(&name, &value()?)?).is_some(),
            "--top" => top.replace(number(&name, &value()?)?).is_some(),
            "--level" => level.replace(value()?.to_string_lossy().parse().map_err(text)?).is_some(),
            "--allow-non-finite" => std::mem::replace(&mut allow_non_finite, true),
            "--" => std::mem::replace(&mut only_files, true),
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("option '{name}' is unknown")),
        };
        if twice {
            return Err(format!("{name} is given twice"));
        }
    }
    let input = input.ok_or("no input: give an .npy file")?;
    let (threads, top) = (threads.unwrap_or(1), top.unwrap_or(5));
    Ok(Some(Options { input, output, threads, top, level, allow_non_finite }))
}

fn number(name: &str, value: &OsString) -> Result<usize, String> {
    let value = value.to_string_lossy();
    value.parse().map_err(|_| format!("{name} is '{value}': use a whole number, at most {}", usize::MAX))
}

fn run(options: &Options) -> Result<(), String> {
    // First, so that threads start while the file is read.
    let mut model = model(options.level, options.threads)?;
    let input = read_input(&options.input).map_err(|error| format!("{}: {error}", options.input.display()))?;
    let mut output = zeros(OUTPUT_LEN)?;
    let report = std::env::var_os("SARTOR_REPORT").is_some().then(SystemTime::now);
    let start = Instant::now();
    model.run(&input, &mut output).map_err(text)?;
    let ms = start.elapsed().as_secs_f64() * 1e3;
    if let Some(path) = &options.output {
        write_output(path, &output).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    print(&format!("level {}, threads {}, {ms:.3} ms", model.level(), options.threads))?;
    for (name, shape, values) in parts(&output) {
        match shape {
            [_, classes, 1, 1] => {
                for (image, scores) in values.chunks(classes).enumerate() {
                    print_best(image, scores, options.top)?;
                }
            }
            [n, c, h, w] => print(&format!("output {}: {n} x {c} x {h} x {w}", name.escape_debug()))?,
        }
    }
    if let Some(began) = report {
        print_report(began);
    }
    if options.allow_non_finite { Ok(()) } else { check_finite(&output) }
}

/// Each output's name, shape and values.
fn parts(output: &[f32]) -> impl Iterator<Item = (&'static str, [usize; 4], &[f32])> {
    OUTPUTS.into_iter().scan(output, |rest, (name, shape)| {
        let (values, others) = rest.split_at(shape.iter().product());
        *rest = others;
        Some((name, shape, values))
    })
}

fn check_finite(output: &[f32]) -> Result<(), String> {
    for (name, _, values) in parts(output) {
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let value = values[at];
            return Err(format!("the answer is not finite: value {at} of output {name} is {value}; --allow-non-finite takes it"));
        }
    }
    Ok(())
}

fn zeros(len: usize) -> Result<Vec<f32>, String> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|error| format!("the output has {len} values: {error}"))?;
    values.resize(len, 0.0);
    Ok(values)
}

/// What the environment variable `SARTOR_REPORT` asks for, on stderr: when the first stage began, and the most memory that was
/// resident, where the system tells it.
fn print_report(began: SystemTime) {
    let began = began.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("", str::trim);
    // Nobody is left to hear that stderr is closed.
    let _ = writeln!(io::stderr(), "first stage {began} ns\nresident {resident}");
}

/// The model at the level that is asked for, or at the best.
fn model(level: Option<Level>, threads: usize) -> Result<Model, String> {
    let Some(level) = level else { return Model::new(threads).map_err(text) };
    if !Level::allowed().map_err(text)?.contains(&level) {
        return Err(format!("level {level} cannot run here: this CPU lacks it or SARTOR_MAX_LEVEL forbids it"));
    }
    Model::with_level(level, threads).map_err(text)
}

fn print_best(image: usize, scores: &[f32], top: usize) -> Result<(), String> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    for &class in order.iter().take(top) {
        print(&format!("image {image}  class {class:>5}  score {:>10.4}", scores[class]))?;
    }
    Ok(())
}

/// Prints a line. A reader that has gone away, as in `| head`, is no failure.
fn print(line: &str) -> Result<(), String> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("cannot print: {error}")),
        _ => Ok(()),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The values of an .npy file, which must be of the input's shape; a single image may lack the first dimension.
fn read_input(path: &Path) -> Result<Aligned, String> {
    let mut file = npy::open(path).map_err(text)?;
    let (shape, elements) = npy::read_header(&mut file, &TAKEN).map_err(text)?;
    if shape != INPUT && !(INPUT[0] == 1 && shape == INPUT[1..]) {
        return Err(format!("its shape is {shape:?}, the network takes {INPUT:?}"));
    }
    let mut values = Aligned::try_zeroed(INPUT_LEN).map_err(text)?;
    npy::read_values(&mut file, elements, &mut values).map_err(text)?;
    npy::read_end(&mut file).map_err(text)?;
    Ok(values)
}

/// Writes an .npy file. A single output has its shape, several are one row of values.
fn write_output(path: &Path, values: &[f32]) -> io::Result<()> {
    let row = [values.len()];
    let shape = match &OUTPUTS[..] {
        [(_, [images, classes, 1, 1])] => &[*images, *classes][..],
        [(_, shape)] => shape,
        _ => &row,
    };
    output::write(path, |file| npy::write(file, shape, values))
}
