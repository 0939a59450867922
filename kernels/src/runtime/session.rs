//! A program with the memory and the threads to run it.

use std::fmt;

use super::threads::Team;
use super::{ABI, Aligned, Context, Program};

/// Memory and threads for one program; several sessions of one program can run side by side.
#[derive(Debug)]
pub struct Session {
    program: &'static Program,
    arena: Aligned,
    scratch: Vec<Aligned>,
    team: Team,
}

/// Why a program cannot be opened or run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionError {
    /// The CPU lacks the program's level.
    LevelUnavailable(super::Level),
    /// The program was generated for another version of the runtime.
    WrongAbi(u32),
    /// No threads were asked for.
    NoThreads,
    /// An input or output of the wrong length.
    WrongLength {
        /// `input` or `output`.
        what: &'static str,
        /// Length in f32 the program needs.
        expected: usize,
        /// Length given.
        found: usize,
    },
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::LevelUnavailable(level) => write!(f, "this CPU cannot run level {level}: compile for a lower one"),
            SessionError::WrongAbi(found) => write!(f, "the program's ABI is {found}, this runtime's {ABI}: compile it again"),
            SessionError::NoThreads => write!(f, "threads is 0: use at least 1"),
            SessionError::WrongLength { what, expected, found } => {
                write!(f, "the {what} has {found} values, the program needs {expected}")
            }
        }
    }
}

impl std::error::Error for SessionError {}

impl Session {
    /// Memory and `threads - 1` workers for a program.
    ///
    /// # Errors
    /// If the CPU lacks the program's level, its ABI differs, or `threads` is zero.
    pub fn new(program: &'static Program, threads: usize) -> Result<Self, SessionError> {
        if program.abi != ABI {
            return Err(SessionError::WrongAbi(program.abi));
        }
        if !program.level.is_available() {
            return Err(SessionError::LevelUnavailable(program.level));
        }
        if threads == 0 {
            return Err(SessionError::NoThreads);
        }
        let arena = Aligned::zeroed(program.arena_len);
        let scratch = (0..threads).map(|_| Aligned::zeroed(program.scratch_len)).collect();
        Ok(Self { program, arena, scratch, team: Team::new(threads) })
    }

    /// The program it runs.
    pub fn program(&self) -> &'static Program {
        self.program
    }

    /// One inference: `input` is NCHW for the whole batch, `output` receives the outputs one after another.
    ///
    /// # Errors
    /// If a length is not the program's.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), SessionError> {
        let contexts = self.contexts(input, output)?;
        let stages = self.program.stages();
        let threads = contexts.len();
        // SAFETY: lengths were checked and memory sized by the program, the level was checked in `new`, and each thread gets
        // its own scratch memory and disjoint units, with a barrier between stages.
        self.team.run(stages.len(), |thread, stage| unsafe {
            let stage = &stages[stage];
            (stage.run)(contexts.of(thread), stage.units * thread / threads, stage.units * (thread + 1) / threads);
        });
        Ok(())
    }

    /// Runs units `begin..end` of one stage on the calling thread. For measuring and verifying; `run` is the way to infer.
    ///
    /// # Errors
    /// If a length is not the program's.
    ///
    /// # Panics
    /// If there is no such stage or unit.
    pub fn run_units(
        &mut self,
        stage: usize,
        begin: usize,
        end: usize,
        input: &[f32],
        output: &mut [f32],
    ) -> Result<(), SessionError> {
        let stage = &self.program.stages()[stage];
        assert!(begin <= end && end <= stage.units, "units {begin}..{end} of {}", stage.units);
        let contexts = self.contexts(input, output)?;
        // SAFETY: as in `run`, with the units checked above.
        unsafe { (stage.run)(contexts.of(0), begin, end) };
        Ok(())
    }

    /// The arena as the last stage left it.
    pub fn arena(&self) -> &[f32] {
        &self.arena
    }

    /// The arena, for tests that prepare a stage's input.
    pub fn arena_mut(&mut self) -> &mut [f32] {
        &mut self.arena
    }

    /// The first thread's scratch memory as the last stage left it.
    pub fn scratch(&self) -> &[f32] {
        &self.scratch[0]
    }

    fn contexts(&mut self, input: &[f32], output: &mut [f32]) -> Result<Contexts, SessionError> {
        let wrong = |what, expected, found| Err(SessionError::WrongLength { what, expected, found });
        if input.len() != self.program.input_len {
            return wrong("input", self.program.input_len, input.len());
        }
        if output.len() != self.program.output_len {
            return wrong("output", self.program.output_len, output.len());
        }
        let (input, output, arena, weights) =
            (input.as_ptr(), output.as_mut_ptr(), self.arena.as_mut_ptr(), self.program.weights);
        let context = |scratch: &mut Aligned| Context { input, output, arena, scratch: scratch.as_mut_ptr(), weights };
        Ok(Contexts(self.scratch.iter_mut().map(context).collect()))
    }
}

struct Contexts(Vec<Context>);

impl Contexts {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn of(&self, thread: usize) -> &Context {
        &self.0[thread]
    }
}

// SAFETY: threads use the shared pointers for disjoint units only, which is `StageFn`'s contract.
unsafe impl Sync for Contexts {}
