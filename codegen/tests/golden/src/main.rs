//! Runs `golden` on a .npy file and prints the best classes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use golden as network;

use network::runtime::{Aligned, Level, Program, Session};
use network::{INPUT, OUTPUTS};

const USAGE: &str = "usage: golden INPUT.npy [--output OUTPUT.npy] [--threads N] [--top K] [--level LEVEL]
example: golden images.npy --top 3

  INPUT.npy           little-endian f32, images x channels x rows x columns, in C order
  --output FILE.npy   writes all values that the network computes; several outputs follow one another
  --threads N         threads [default: 1]
  --top K             classes to print for each image [default: 5]
  --level LEVEL       avx512, avx2, neon or portable [default: the best of this CPU]";

// The unwinder linked in is one library less to load at the start.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[link(name = "gcc_eh", kind = "static", modifiers = "-bundle")]
extern "C" {}

/// What the command line asks for.
struct Options {
    input: PathBuf,
    output: Option<PathBuf>,
    threads: usize,
    top: usize,
    level: Option<Level>,
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        return exit_code(print(USAGE), 1);
    }
    match options(args) {
        Ok(options) => exit_code(run(&options), 1),
        Err(error) => exit_code(Err(format!("{error}\n\n{USAGE}")), 2),
    }
}

fn exit_code(result: Result<(), String>, failure: u8) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even this cannot be written, the exit code remains.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(failure)
        }
    }
}

fn options(args: Vec<OsString>) -> Result<Options, String> {
    let mut options = Options { input: PathBuf::new(), output: None, threads: 1, top: 5, level: None };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let name = arg.to_string_lossy().into_owned();
        let mut value = || args.next().ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--output" => options.output = Some(value()?.into()),
            "--threads" => options.threads = number(&name, &value()?)?,
            "--top" => options.top = number(&name, &value()?)?,
            "--level" => options.level = Some(value()?.to_string_lossy().parse().map_err(text)?),
            _ if name.starts_with('-') => return Err(format!("option '{name}' is unknown")),
            _ if options.input != PathBuf::new() => return Err(format!("'{name}' is one file too many: give one .npy file")),
            _ => options.input = arg.into(),
        }
    }
    if options.input == PathBuf::new() { Err("no input: give a .npy file".into()) } else { Ok(options) }
}

fn number(name: &str, value: &OsString) -> Result<usize, String> {
    let value = value.to_string_lossy();
    value.parse().map_err(|_| format!("{name} is '{value}': use a number"))
}

fn run(options: &Options) -> Result<(), String> {
    let program = program(options.level)?;
    // First, so that threads start while the file is read.
    let mut session = Session::new(program, options.threads).map_err(text)?;
    let input = read_npy(&options.input).map_err(|error| format!("{}: {error}", options.input.display()))?;
    let mut output = vec![0.0; INPUT[0] * program.output_len];
    let report = std::env::var_os("SARTOR_REPORT").is_some().then(SystemTime::now);
    let start = Instant::now();
    session.run(&input, &mut output).map_err(text)?;
    let ms = start.elapsed().as_secs_f64() * 1e3;
    if let Some(path) = &options.output {
        write_npy(path, &output).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    print(&format!("level {}, threads {}, {ms:.3} ms", program.level, options.threads))?;
    let mut rest = &output[..];
    for (name, shape) in OUTPUTS {
        let (values, others) = rest.split_at(shape.iter().product());
        rest = others;
        match shape {
            [_, classes, 1, 1] => {
                for (image, scores) in values.chunks(classes).enumerate() {
                    print_best(image, scores, options.top)?;
                }
            }
            [n, c, h, w] => print(&format!("output {name}: {n} x {c} x {h} x {w}"))?,
        }
    }
    report.map_or(Ok(()), print_report)
}

/// What the environment variable `SARTOR_REPORT` asks for, on stderr: when the first stage began, and the most memory that was
/// resident, where the system tells it.
fn print_report(began: SystemTime) -> Result<(), String> {
    let began = began.duration_since(UNIX_EPOCH).map_err(text)?.as_nanos();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("", str::trim);
    writeln!(io::stderr(), "first stage {began} ns\nresident {resident}").map_err(text)
}

fn program(level: Option<Level>) -> Result<&'static Program, String> {
    let allowed = Level::allowed().map_err(text)?;
    match level {
        Some(level) if !allowed.contains(&level) => {
            Err(format!("level {level} cannot run here: this CPU lacks it or SARTOR_MAX_LEVEL forbids it"))
        }
        Some(level) => network::program(level).ok_or_else(|| format!("level {level} was not compiled in")),
        None => network::best().map_err(text)?.ok_or_else(|| "no level compiled in can run here".into()),
    }
}

fn print_best(image: usize, scores: &[f32], top: usize) -> Result<(), String> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    for &class in order.iter().take(top) {
        print(&format!("image {image}  class {class:>5}  score {:>10.4}", scores[class]))?;
    }
    Ok(())
}

/// Prints a line; a reader that has gone away is an error, not a panic.
fn print(line: &str) -> Result<(), String> {
    writeln!(io::stdout(), "{line}").map_err(|error| format!("cannot print: {error}"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The values of a .npy file, which must be of the input's shape; a single image may lack the first dimension.
fn read_npy(path: &Path) -> Result<Aligned, String> {
    let mut file = File::open(path).map_err(text)?;
    let mut start = [0; 10];
    file.read_exact(&mut start).map_err(|_| "not a .npy file")?;
    let header_len = match (&start[..6], start[6]) {
        (b"\x93NUMPY", 1) => usize::from(u16::from_le_bytes([start[8], start[9]])),
        (b"\x93NUMPY", 2 | 3) => {
            let mut high = [0; 2];
            file.read_exact(&mut high).map_err(|_| "its header is cut off")?;
            u32::from_le_bytes([start[8], start[9], high[0], high[1]]) as usize
        }
        _ => return Err("not a .npy file".into()),
    };
    // The length is the file's own claim: no more is set aside than there is.
    let mut header = Vec::new();
    Read::by_ref(&mut file).take(header_len as u64).read_to_end(&mut header).map_err(text)?;
    if header.len() < header_len {
        return Err("its header is cut off".into());
    }
    let header = String::from_utf8_lossy(&header);
    if !header.contains("'<f4'") || !header.contains("'fortran_order': False") {
        return Err("must hold little-endian f32 ('<f4') in C order".into());
    }
    let shape = shape(&header).ok_or("its header has no shape")?;
    if shape != INPUT && !(INPUT[0] == 1 && shape == INPUT[1..]) {
        return Err(format!("its shape is {shape:?}, the network takes {INPUT:?}"));
    }
    let len: usize = INPUT.iter().product();
    let mut values = Aligned::zeroed(len);
    // SAFETY: any bytes are values, and nothing else looks at them meanwhile.
    let bytes = unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast::<u8>(), 4 * len) };
    file.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("cut off: fewer values than the {len} of its shape"),
        _ => text(error),
    })?;
    values.iter_mut().for_each(|value| *value = f32::from_bits(u32::from_le(value.to_bits())));
    if file.read(&mut [0]).map_err(text)? > 0 {
        return Err(format!("more than the {len} values of its shape"));
    }
    Ok(values)
}

/// The shape in a .npy file's header.
fn shape(header: &str) -> Option<Vec<usize>> {
    let (_, rest) = header.split_once("'shape': (")?;
    let (list, _) = rest.split_once(')')?;
    let sizes = list.split(',').map(str::trim).filter(|size| !size.is_empty());
    sizes.map(|size| size.parse().ok()).collect()
}

/// Writes a .npy file; it appears whole or not at all, unless it is a device or a pipe. A single output has its shape, several are one row of values.
fn write_npy(path: &Path, values: &[f32]) -> Result<(), String> {
    let shape = match &OUTPUTS[..] {
        [(_, [n, c, 1, 1])] => format!("({n}, {c})"),
        [(_, [n, c, h, w])] => format!("({n}, {c}, {h}, {w})"),
        _ => format!("({},)", values.len()),
    };
    let dict = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let padded = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(format!("{dict:<width$}\n", width = padded - 1).bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return fs::write(path, bytes).map_err(text);
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&partial);
        text(error)
    })
}
