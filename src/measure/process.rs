//! Measures a compiled program as a process of its own: its start, its memory, its size, and the time to compile it.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sartor_models::escape;
use sartor_models::{Network, Weights};

use crate::data::npy;
use crate::files::output;
use crate::measure::bench::test_input;
use crate::tuning::Tunings;
use crate::{CompileError, CompileOptions, Level, compile};

/// The environment variable that makes a program print its report; see the generated `main.rs`.
const REPORT: &str = "SARTOR_REPORT";

/// A program for one level and an input for it. Both are in a folder that is removed when this value is dropped.
#[derive(Debug)]
pub struct MeasuredProgram {
    artifact: PathBuf,
    input: PathBuf,
    /// Size of the executable.
    pub artifact_bytes: u64,
    /// Size of the packed weights in it.
    pub weights_bytes: u64,
    /// How many seconds generating and building took.
    pub compile_seconds: f64,
    _folder: output::Staging,
}

/// One run of a process.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Seconds from the start of the process until its first answer can be read.
    pub answer: f64,
    /// Seconds of these until the first stage begins.
    pub first_stage: f64,
    /// The most memory that was resident, in bytes; `None` if the system does not say.
    pub resident: Option<u64>,
}

/// The program cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// It cannot be started, or a file cannot be read or written.
    #[error("{}: {source}", escape::path(path))]
    Io {
        /// The program or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its input cannot be written.
    #[error(transparent)]
    Input(#[from] npy::NpyError),
    /// It failed, or printed no report.
    #[error("{}: {what}", escape::path(path))]
    Failed {
        /// The program.
        path: PathBuf,
        /// What it printed.
        what: String,
    },
}

impl MeasuredProgram {
    /// Compiles a network for one level and one image.
    ///
    /// # Errors
    /// If it cannot be compiled or its input cannot be written.
    pub fn compile(network: &Network, weights: &Weights, level: Level) -> Result<Self, ProcessError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| ProcessError::Io { path, source }
        };
        let folder = output::private_dir().map_err(io(&std::env::temp_dir()))?;
        let (dir, input) = (folder.path().join("program/crate"), folder.path().join("input.npy"));
        let shape = network.input_shape();
        npy::write(&input, &[1, shape.c, shape.h, shape.w], &test_input(shape.len()))?;
        let start = Instant::now();
        let options =
            CompileOptions { levels: vec![level], threads: 1, tunings: Tunings::installed().0, ..CompileOptions::default() };
        let compiled = compile(network, weights, &options, &dir)?;
        let compile_seconds = start.elapsed().as_secs_f64();
        let packed = dir.join("weights.bin");
        let weights_bytes = std::fs::metadata(&packed).map_err(io(&packed))?.len();
        Ok(Self {
            artifact: compiled.artifact,
            input,
            artifact_bytes: compiled.artifact_bytes,
            weights_bytes,
            compile_seconds,
            _folder: folder,
        })
    }

    /// Starts the program once on `threads` threads and waits until it ends.
    ///
    /// # Errors
    /// If it cannot be started, fails, or prints no report.
    pub fn start(&self, threads: usize) -> Result<Start, ProcessError> {
        let mut command = Command::new(&self.artifact);
        command.arg(&self.input).args(["--threads", &threads.to_string()]).env(REPORT, "1");
        let clock = SystemTime::now();
        let (answer, said) = self.first_line(&mut command)?;
        let report = |name: &str, unit: &str| -> Option<u128> {
            said.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(unit)?.trim().parse().ok())
        };
        let began = report("first stage", "ns")
            .ok_or_else(|| self.failed(format!("its report lacks the time of the first stage: {said}")))?;
        let clock = clock.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        Ok(Start {
            answer,
            first_stage: began.saturating_sub(clock) as f64 / 1e9,
            resident: report("resident", "kB").map(|kilobytes| kilobytes as u64 * 1024),
        })
    }

    /// Starts the program once with `--help` and waits until it ends. Returns the seconds until the help can be read: the time
    /// that the system takes to start this executable, whatever it computes.
    ///
    /// # Errors
    /// If it cannot be started or fails.
    pub fn start_for_usage(&self) -> Result<f64, ProcessError> {
        Ok(self.first_line(Command::new(&self.artifact).arg("--help"))?.0)
    }

    /// Runs a command. Returns the seconds from its start until its first line can be read, and what it printed to stderr.
    fn first_line(&self, command: &mut Command) -> Result<(f64, String), ProcessError> {
        let io = |source| ProcessError::Io { path: self.artifact.clone(), source };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().map_err(io)?;
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).map_err(io)?;
        let seconds = started.elapsed().as_secs_f64();
        stdout.read_to_string(&mut line).map_err(io)?;
        let output = child.wait_with_output().map_err(io)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok((seconds, said)) } else { Err(self.failed(format!("failed, {}: {said}", output.status))) }
    }

    fn failed(&self, what: String) -> ProcessError {
        ProcessError::Failed { path: self.artifact.clone(), what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sartor_models::zoo::Spec;

    #[test]
    fn a_program_reports_its_start_and_memory() {
        let network = "rexnet_digits".parse::<Spec>().unwrap().build().unwrap();
        let program = MeasuredProgram::compile(&network, &Weights::random(&network, 0), Level::best().unwrap()).unwrap();
        assert!(program.artifact_bytes > program.weights_bytes && program.weights_bytes as usize > 4 * network.param_count() / 2);
        if cfg!(all(target_os = "linux", target_env = "gnu")) {
            let bytes = std::fs::read(&program.artifact).unwrap();
            let unwinder = b"libgcc_s.so";
            assert!(!bytes.windows(unwinder.len()).any(|part| part == unwinder), "the unwinder is loaded, not linked in");
        }
        let start = program.start(2).unwrap();
        assert!(start.first_stage > 0.0 && start.first_stage < start.answer, "{start:?}");
        assert!(program.start_for_usage().unwrap() > 0.0);
        if cfg!(target_os = "linux") {
            // The process cannot have used less than the images, nor more than the machine has.
            assert!(start.resident.is_some_and(|bytes| bytes > 1 << 18 && bytes < 1 << 30), "{start:?}");
        }
    }
}
