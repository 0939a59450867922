//! An engine as a process that runs when it is told to, so that engines can be timed turn by turn.
//!
//! `ENGINE MODEL THREADS INPUT OUTPUT`, INPUT and OUTPUT being f32 in the machine's order. The engine opens the model, runs it once, writes the
//! answer, and says `ready`, the milliseconds since it started and the bytes of memory it took. Then for each line of stdin, a number of runs,
//! it answers with the seconds of each. It ends with its stdin. `engine.py` speaks the same.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::time::Instant;

/// What an engine is to open.
pub struct Job {
    /// The file, or what else names the model.
    pub model: String,
    /// Threads to run on.
    pub threads: usize,
    /// The input, NCHW.
    pub input: Vec<f32>,
}

/// A failure of any engine.
pub type Failure = Box<dyn Error>;

/// One inference of the job's input.
pub type Run = Box<dyn FnMut() -> Result<Vec<f32>, Failure>>;

/// Runs an engine in this process for the program that times it: opens the model that the arguments name, then runs it each time a line on
/// stdin asks for it, until stdin ends.
///
/// # Errors
/// If an argument is missing, a file cannot be read or written, or the engine fails.
pub fn serve(open: impl FnOnce(Job) -> Result<Run, Failure>) -> Result<(), Failure> {
    let start = Instant::now();
    let before = resident()?;
    let [model, threads, input, output] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "usage: MODEL THREADS INPUT OUTPUT")?;
    let input = std::fs::read(input)?.chunks_exact(4).map(|b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]])).collect();
    let mut run = open(Job { model, threads: threads.parse()?, input })?;
    let answer = run()?;
    let (milliseconds, memory) = (start.elapsed().as_secs_f64() * 1e3, resident()?.saturating_sub(before));
    std::fs::write(output, answer.iter().flat_map(|v| v.to_ne_bytes()).collect::<Vec<u8>>())?;
    println!("ready {milliseconds:.3} {memory}");
    for line in io::stdin().lock().lines() {
        let runs: usize = line?.trim().parse()?;
        let mut seconds = Vec::with_capacity(runs);
        for _ in 0..runs {
            let start = Instant::now();
            let answer = run()?;
            seconds.push(format!("{:.9}", start.elapsed().as_secs_f64()));
            drop(answer);
        }
        println!("{}", seconds.join(" "));
        io::stdout().flush()?;
    }
    Ok(())
}

/// Bytes of memory this process holds.
fn resident() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("/proc/self/status has no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
