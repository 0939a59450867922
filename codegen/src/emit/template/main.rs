//! Runs `NETWORK` on a .npy file of f32 images and prints the best classes.

use std::fs::File;
use std::io::{BufReader, Read};
use std::process::ExitCode;
use std::time::Instant;

use CRATE::runtime::{Level, Session};

const USAGE: &str = "usage: CRATE INPUT.npy [--output OUTPUT.npy] [--threads N] [--top K] [--level LEVEL]
example: CRATE image.npy --top 5

INPUT.npy holds f32 in C order, N x C x H x W as the library's documentation says.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (mut input, mut output, mut threads, mut top, mut level) = (None, None, 1usize, 5usize, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = |name: &str| args.next().ok_or_else(|| format!("{name} needs a value\n{USAGE}"));
        match arg.as_str() {
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(());
            }
            "--output" => output = Some(value("--output")?),
            "--threads" => threads = number("--threads", &value("--threads")?)?,
            "--top" => top = number("--top", &value("--top")?)?,
            "--level" => level = Some(value("--level")?.parse::<Level>().map_err(|e| e.to_string())?),
            _ if input.is_none() && !arg.starts_with('-') => input = Some(arg),
            _ => return Err(format!("'{arg}' is unknown\n{USAGE}")),
        }
    }
    let path = input.ok_or(USAGE)?;
    let program = match level {
        Some(level) => CRATE::program(level).ok_or(format!("level {level} was not compiled in"))?,
        None => CRATE::best().map_err(|e| e.to_string())?.ok_or("no compiled level runs on this CPU")?,
    };
    let values = read_npy(&path)?;
    let mut session = Session::new(program, threads).map_err(|e| e.to_string())?;
    let mut result = vec![0.0; program.output_len];
    let start = Instant::now();
    session.run(&values, &mut result).map_err(|e| format!("{path}: {e}"))?;
    let elapsed = start.elapsed();
    if let Some(path) = output {
        write_npy(&path, &result)?;
    }
    println!("level {}, {threads} threads, {:.3} ms", program.level, elapsed.as_secs_f64() * 1e3);
    for (image, scores) in result.chunks(result.len() / program.batch).enumerate() {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        for &class in order.iter().take(top) {
            println!("image {image}  class {class:>5}  score {:>10.4}", scores[class]);
        }
    }
    Ok(())
}

fn number(name: &str, value: &str) -> Result<usize, String> {
    value.parse().map_err(|_| format!("{name} is '{value}': use a number"))
}

/// Values of a .npy file of little-endian f32 in C order.
fn read_npy(path: &str) -> Result<Vec<f32>, String> {
    let fail = |what: &str| format!("{path}: {what}");
    let file = File::open(path).map_err(|e| fail(&e.to_string()))?;
    let mut bytes = Vec::new();
    BufReader::new(file).read_to_end(&mut bytes).map_err(|e| fail(&e.to_string()))?;
    if bytes.len() < 12 || &bytes[..6] != b"\x93NUMPY" {
        return Err(fail("not a .npy file"));
    }
    let (len, start) = match bytes[6] {
        1 => (usize::from(u16::from_le_bytes([bytes[8], bytes[9]])), 10),
        _ => (u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize, 12),
    };
    let header = bytes.get(start..start + len).ok_or_else(|| fail("truncated header"))?;
    let header = String::from_utf8_lossy(header);
    if !header.contains("'<f4'") || !header.contains("'fortran_order': False") {
        return Err(fail("must hold little-endian f32 ('<f4') in C order"));
    }
    let data = &bytes[start + len..];
    Ok(data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}

/// Writes a one-dimensional .npy file; it appears whole or not at all.
fn write_npy(path: &str, values: &[f32]) -> Result<(), String> {
    let dict = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}", values.len());
    let padded = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(format!("{dict:<width$}\n", width = padded - 1).bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    let partial = format!("{path}.partial");
    std::fs::write(&partial, bytes).map_err(|e| format!("{partial}: {e}"))?;
    std::fs::rename(&partial, path).map_err(|e| format!("{path}: {e}"))
}
