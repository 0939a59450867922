//! The network, ready to run.

use std::fmt;

use crate::runtime::level::UnknownLevel;
use crate::runtime::session::{MAX_THREADS, memory_len};
use crate::runtime::{Level, Program, Session, SessionError};
use crate::{LEVELS, best, program};

/// The network with the memory and the threads to run it. Several can run side by side; they share the weights.
#[derive(Debug)]
pub struct Model {
    session: Session,
}

impl Model {
    /// A model of `threads` threads, at the best level that was compiled in, that this CPU has and that the environment variable
    /// `SARTOR_MAX_LEVEL` allows.
    ///
    /// # Errors
    /// If there is no such level, or there cannot be so many threads or memory for them.
    pub fn new(threads: usize) -> Result<Self, ModelError> {
        Ok(Self { session: Session::new(best_program()?, threads)? })
    }

    /// A model of one thread, the caller's, in memory of the caller's: [`memory_len`](Self::memory_len) f32 or more, on a boundary of
    /// 64 bytes. Nothing is allocated, neither here nor in a run, unless `SARTOR_MAX_LEVEL` is set or there is an error.
    ///
    /// # Errors
    /// As [`new`](Self::new), or if the memory is too short or not on the boundary.
    pub fn in_memory(memory: &'static mut [f32]) -> Result<Self, ModelError> {
        Ok(Self { session: Session::in_memory(best_program()?, memory)? })
    }

    /// f32 that [`in_memory`](Self::in_memory) needs, whichever level is the best.
    pub fn memory_len() -> usize {
        let programs = LEVELS.into_iter().filter_map(program);
        programs.filter_map(|program| memory_len(program.lengths())).max().unwrap_or(0)
    }

    /// A model of `threads` threads at this level, whatever `SARTOR_MAX_LEVEL` says.
    ///
    /// # Errors
    /// If the level was not compiled in or this CPU lacks it, or there cannot be so many threads or memory for them.
    pub fn with_level(level: Level, threads: usize) -> Result<Self, ModelError> {
        if !LEVELS.contains(&level) {
            return Err(ModelError::NotCompiled(level));
        }
        // A level of another architecture is left out when this crate is built.
        let program = program(level).ok_or(SessionError::LevelUnavailable(level))?;
        Ok(Self { session: Session::new(program, threads)? })
    }

    /// Computes the outputs of images: any number of them, one after another in `input`, and in each of them the
    /// [`INPUTS`](crate::INPUTS). `output` receives the network's outputs
    /// one after another, each over all images. Nothing is allocated.
    ///
    /// # Errors
    /// If a length is wrong: [`INPUT_LEN`](crate::INPUT_LEN) goes with [`OUTPUT_LEN`](crate::OUTPUT_LEN), and twice the one with
    /// twice the other. Or if the model has several threads and the process was forked since it was made.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), ModelError> {
        Ok(self.session.run(input, output)?)
    }

    /// Copies the weights into memory of the model's own, in huge pages where the system has them. Runs take the same time then, wherever
    /// the system has put the file that the weights are embedded in: for processes that run for long. Results are the same.
    ///
    /// # Errors
    /// If there is not so much memory; the model goes on with the file's then.
    pub fn copy_weights(&mut self) -> Result<(), ModelError> {
        Ok(self.session.copy_weights()?)
    }

    /// Takes the weights of a model of the same level: if they are a copy, the two share it. Where the level is another, nothing changes.
    pub fn share_weights(&mut self, other: &Model) {
        self.session.share_weights(&other.session);
    }

    /// The level that it runs at.
    pub fn level(&self) -> Level {
        self.session.program().level()
    }
}

/// The program of the best level.
fn best_program() -> Result<&'static Program, ModelError> {
    let runs = |level: Level| level.is_available() && program(level).is_some();
    let none = || if LEVELS.into_iter().any(runs) { ModelError::NoneAllowed } else { ModelError::NoneAvailable };
    best()?.ok_or_else(none)
}

/// Why a model cannot be made or run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelError {
    /// No level that was compiled in runs on this CPU.
    NoneAvailable,
    /// `SARTOR_MAX_LEVEL` allows no level that was compiled in and runs on this CPU.
    NoneAllowed,
    /// This level was not compiled in.
    NotCompiled(Level),
    /// `SARTOR_MAX_LEVEL` holds something that is not a level.
    UnknownLevel(UnknownLevel),
    /// A pool of no models, or of more than [`MAX_THREADS`].
    WrongModels(usize),
    /// What a [`Session`] says: the CPU lacks the level, a length is wrong, or there are no such threads or memory.
    Session(SessionError),
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compiled = || LEVELS.map(Level::name).join(", ");
        match self {
            ModelError::NoneAvailable => write!(f, "no level compiled in runs on this CPU: this crate has {}", compiled()),
            ModelError::NoneAllowed => {
                write!(f, "SARTOR_MAX_LEVEL allows no level that runs on this CPU: this crate has {}", compiled())
            }
            ModelError::NotCompiled(level) => write!(f, "level {level} was not compiled in: this crate has {}", compiled()),
            ModelError::UnknownLevel(unknown) => unknown.fmt(f),
            ModelError::WrongModels(found) => write!(f, "models is {found}: use 1 to {MAX_THREADS}"),
            ModelError::Session(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for ModelError {}

impl From<UnknownLevel> for ModelError {
    fn from(unknown: UnknownLevel) -> Self {
        ModelError::UnknownLevel(unknown)
    }
}

impl From<SessionError> for ModelError {
    fn from(refused: SessionError) -> Self {
        ModelError::Session(refused)
    }
}
