//! A program with the memory and the threads to run it.

use std::ops::Range;
use std::{fmt, io};

use super::threads::Team;
use super::weights::Weights;
use super::{ABI, Aligned, Context, Lengths, OutOfMemory, Program, Units};

/// Memory and threads for one program; several sessions of one program can run side by side.
#[derive(Debug)]
pub struct Session {
    weights: Weights,
    /// Each thread's scratch memory, then an arena for each thread. All arenas but the first stay untouched until a run has a pass
    /// for each thread: what most runs use lies together, in few huge pages.
    memory: Aligned,
    layout: Layout,
    team: Team,
}

/// Most threads of a session: far more than a stage has units, and few enough to be granted anywhere.
pub const MAX_THREADS: usize = 1024;

/// Whether a session can have so many threads.
///
/// # Errors
/// If there are none or more than [`MAX_THREADS`].
pub fn check_threads(threads: usize) -> Result<(), SessionError> {
    if (1..=MAX_THREADS).contains(&threads) { Ok(()) } else { Err(SessionError::WrongThreads(threads)) }
}

/// Two cache lines, in f32: threads that write side by side never share what is fetched together.
const APART: usize = 32;

/// Where a session's memory is what, in f32.
#[derive(Clone, Copy, Debug)]
struct Layout {
    scratch_pitch: usize,
    /// Where the first arena begins.
    arenas: usize,
    arena_pitch: usize,
    len: usize,
}

impl Layout {
    /// `None` where it is more than can be counted.
    fn new(lengths: Lengths, threads: usize) -> Option<Self> {
        let scratch_pitch = lengths.scratch.checked_next_multiple_of(APART)?;
        let arena_pitch = lengths.arena.checked_next_multiple_of(APART)?;
        let len = scratch_pitch.checked_add(arena_pitch)?.checked_mul(threads)?;
        Some(Self { scratch_pitch, arenas: threads * scratch_pitch, arena_pitch, len })
    }
}

/// f32 that a session of one thread needs for a program of these lengths, to be in the [caller's memory](Session::in_memory). [`None`]
/// where it is more than can be counted.
pub fn memory_len(lengths: Lengths) -> Option<usize> {
    Layout::new(lengths, 1).map(|layout| layout.len)
}

/// Why a program cannot be opened or run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionError {
    /// The CPU lacks the program's level.
    LevelUnavailable(super::Level),
    /// The program was generated for another version of the runtime.
    WrongAbi(u32),
    /// None or more than [`MAX_THREADS`] threads were asked for.
    WrongThreads(usize),
    /// The operating system refused to start a thread.
    NoThread {
        /// Threads asked for.
        threads: usize,
        /// Its reason.
        reason: io::ErrorKind,
    },
    /// There is not so much memory.
    OutOfMemory(OutOfMemory),
    /// The caller's memory is too short.
    LittleMemory {
        /// f32 that the session needs.
        needed: usize,
        /// f32 that it was given.
        found: usize,
    },
    /// The caller's memory does not begin on a boundary of 64 bytes.
    Unaligned,
    /// The process was forked after the session had started its threads, which are not in the child.
    /// A child can open sessions of its own; of several threads only if none of its parent's was starting or ending at the fork.
    Forked,
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
            SessionError::WrongThreads(found) => write!(f, "threads is {found}: use 1 to {MAX_THREADS}"),
            SessionError::NoThread { threads, reason } => {
                write!(f, "the operating system refused to start {threads} threads ({reason}): use fewer")
            }
            SessionError::OutOfMemory(refused) => write!(f, "{refused} for the session: use fewer threads"),
            SessionError::LittleMemory { needed, found } => {
                write!(f, "the session's memory has {found} values, the program needs {needed}")
            }
            SessionError::Unaligned => write!(f, "the session's memory does not begin on a boundary of 64 bytes"),
            SessionError::Forked => write!(f, "the session's threads are not in this forked process: open one after the fork"),
            SessionError::WrongLength { what, expected, found } => {
                write!(f, "the {what} has {found} values, the program needs {expected}")
            }
        }
    }
}

impl std::error::Error for SessionError {}

impl From<OutOfMemory> for SessionError {
    fn from(refused: OutOfMemory) -> Self {
        SessionError::OutOfMemory(refused)
    }
}

impl Session {
    /// Memory and `threads - 1` workers for a program.
    ///
    /// # Errors
    /// If the CPU lacks the program's level, its ABI differs, or there cannot be that many threads, or memory for them.
    pub fn new(program: &'static Program, threads: usize) -> Result<Self, SessionError> {
        Self::check(program)?;
        check_threads(threads)?;
        let layout = Layout::new(program.lengths(), threads).ok_or(OutOfMemory { bytes: usize::MAX })?;
        let team = Self::team(program, threads)?;
        Ok(Self { weights: Weights::embedded(program), memory: Aligned::try_zeroed(layout.len)?, layout, team })
    }

    /// A session of one thread, the caller's, in memory of the caller's: [`memory_len`] f32 or more, on a boundary of 64 bytes. Nothing
    /// is allocated, neither here nor in a run.
    ///
    /// # Errors
    /// If the CPU lacks the program's level, its ABI differs, or the memory is too short or not on the boundary.
    pub fn in_memory(program: &'static Program, memory: &'static mut [f32]) -> Result<Self, SessionError> {
        Self::check(program)?;
        let layout = Layout::new(program.lengths(), 1).ok_or(OutOfMemory { bytes: usize::MAX })?;
        let found = memory.len();
        let memory = memory.get_mut(..layout.len).ok_or(SessionError::LittleMemory { needed: layout.len, found })?;
        let memory = Aligned::lent(memory).ok_or(SessionError::Unaligned)?;
        Ok(Self { weights: Weights::embedded(program), memory, layout, team: Self::team(program, 1)? })
    }

    /// Checks that this runtime and this CPU can run a program.
    fn check(program: &Program) -> Result<(), SessionError> {
        if program.abi() != ABI {
            return Err(SessionError::WrongAbi(program.abi()));
        }
        if !program.level().is_available() {
            return Err(SessionError::LevelUnavailable(program.level()));
        }
        Ok(())
    }

    fn team(program: &'static Program, threads: usize) -> Result<Team, SessionError> {
        Team::new(threads, Weights::mapped(program)).map_err(|error| SessionError::NoThread { threads, reason: error.kind() })
    }

    /// The program it runs.
    pub fn program(&self) -> &'static Program {
        self.weights.program()
    }

    /// Copies the weights into memory of the session's own, in huge pages where the system has them. Runs take the same time then, wherever
    /// the system has put the file that the weights are embedded in: for processes that run for long. Results are the same.
    ///
    /// # Errors
    /// If there is not so much memory; the session goes on with the file's then.
    pub fn copy_weights(&mut self) -> Result<(), SessionError> {
        if !self.weights.are_copied() {
            self.weights = Weights::copied(self.program())?;
        }
        Ok(())
    }

    /// Takes the weights of a session of the same program: if they are a copy, the two share it. Where the program is another, nothing
    /// changes.
    pub fn share_weights(&mut self, other: &Session) {
        if std::ptr::eq(self.program(), other.program()) {
            self.weights = other.weights.clone();
        }
    }

    /// Runs as many images as `input` holds, NCHW; `output` receives the outputs one after another, each over all images.
    ///
    /// Threads take whole passes while there is one for each, which costs no waiting, and share the stages of those that are left.
    ///
    /// # Errors
    /// If a length is not the program's for some number of passes, or the process was forked since a session of several threads was
    /// made.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), SessionError> {
        let memory = self.memory(input, output)?;
        self.walk(&memory, 0..self.turns(memory.passes), 0..self.program().stages().len())
    }

    /// Turns of a run of so many passes: a pass for each thread, or one for all of them.
    pub fn turns(&self, passes: usize) -> usize {
        passes / self.team.threads() + passes % self.team.threads()
    }

    /// Runs one stage for the passes of one turn. For measuring; `run` is the way to infer.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Panics
    /// If there is no such turn or stage.
    pub fn run_stage(&mut self, turn: usize, stage: usize, input: &[f32], output: &mut [f32]) -> Result<(), SessionError> {
        let memory = self.memory(input, output)?;
        let turns = self.turns(memory.passes);
        assert!(turn < turns, "turn {turn} of {turns}");
        self.walk(&memory, turn..turn + 1, stage..stage + 1)
    }

    /// Walks all turns through the stages.
    fn walk(&mut self, memory: &Memory, turns: Range<usize>, stages: Range<usize>) -> Result<(), SessionError> {
        if !self.team.is_complete() {
            return Err(SessionError::Forked);
        }
        let stages = &self.program().stages()[stages];
        let threads = self.team.threads();
        let passes = memory.passes;
        // So many turns have a pass for each thread.
        let apart = passes / threads;
        let first = turns.start.min(apart) * threads;
        let whole = turns.end.min(apart) * threads - first;
        // A pass is a unit here.
        self.team.run(
            1,
            |_| whole,
            |thread, _, taken| {
                for unit in taken {
                    // Passes of a single turn have an arena each, and find it again when they go stage by stage.
                    let arena = if whole == threads { unit } else { thread };
                    let cx = memory.of(thread, arena, first + unit);
                    // SAFETY: lengths were checked and memory sized by the program, the level was checked in `new`, and each
                    // thread and pass have an arena and scratch memory of their own.
                    stages.iter().for_each(|stage| unsafe { stage.run()(&cx, &mut Units::of(0..stage.units())) });
                }
            },
        );
        for turn in turns.start.max(apart)..turns.end {
            let pass = apart * threads + turn - apart;
            // SAFETY: as above, but that the threads share pass and arena, and have disjoint units of each stage, and begin none before
            // those of the stage before are done.
            self.team.run(
                stages.len(),
                |stage| stages[stage].units(),
                |thread, stage, units| unsafe {
                    stages[stage].run()(&memory.of(thread, 0, pass), units);
                },
            );
        }
        Ok(())
    }

    /// Runs units `begin..end` of one stage of a single pass on the calling thread, in any order and on any values: only the results
    /// depend on it. For measuring and verifying; `run` is the way to infer.
    ///
    /// # Errors
    /// If a length is not the program's for one pass.
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
        let stage = &self.program().stages()[stage];
        assert!(begin <= end && end <= stage.units(), "units {begin}..{end} of {}", stage.units());
        let memory = self.memory(input, output)?;
        if memory.passes != 1 {
            return Err(SessionError::WrongLength { what: "input", expected: self.program().input_len(), found: input.len() });
        }
        // SAFETY: as in `walk`, with the units checked above.
        unsafe { stage.run()(&memory.of(0, 0, 0), &mut Units::of(begin..end)) };
        Ok(())
    }

    /// The first arena as the last stage left it.
    pub fn arena(&self) -> &[f32] {
        &self.memory[self.layout.arenas..][..self.weights.program().arena_len()]
    }

    /// The first arena, for tests that prepare a stage's input: any values are safe, for no address depends on one.
    pub fn arena_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.layout.arenas..][..self.weights.program().arena_len()]
    }

    /// The first thread's scratch memory as the last stage left it.
    pub fn scratch(&self) -> &[f32] {
        &self.memory[..self.weights.program().scratch_len()]
    }

    /// The first thread's scratch memory, for tests that mark what a stage leaves unwritten, as safely.
    pub fn scratch_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.weights.program().scratch_len()]
    }

    fn memory(&mut self, input: &[f32], output: &mut [f32]) -> Result<Memory, SessionError> {
        let (input_len, output_len) = (self.program().input_len(), self.program().output_len());
        let passes = (input.len() / input_len.max(1)).max(1);
        let wrong =
            |what, pass: usize, found| Err(SessionError::WrongLength { what, expected: pass.saturating_mul(passes), found });
        if input.len() != passes * input_len {
            return wrong("input", input_len, input.len());
        }
        if output_len.checked_mul(passes) != Some(output.len()) {
            return wrong("output", output_len, output.len());
        }
        let scratch = self.memory.as_mut_ptr();
        Ok(Memory {
            input: input.as_ptr(),
            output: output.as_mut_ptr(),
            passes,
            // SAFETY: the layout's arenas are inside the memory.
            arena: unsafe { scratch.add(self.layout.arenas) },
            scratch,
            weights: self.weights.as_ptr(),
            program: self.program(),
            layout: self.layout,
        })
    }
}

/// Where all threads find their data.
struct Memory {
    /// Of the first pass.
    input: *const f32,
    /// Of all passes.
    output: *mut f32,
    passes: usize,
    /// The first arena.
    arena: *mut f32,
    /// The first thread's.
    scratch: *mut f32,
    weights: *const f32,
    program: &'static Program,
    layout: Layout,
}

impl Memory {
    /// A thread's view of a pass that uses one of the arenas; there are as many arenas as threads.
    fn of(&self, thread: usize, arena: usize, pass: usize) -> Context {
        // The offsets stay inside for the session's threads and passes; `wrapping_add` needs no proof of it.
        Context::new(
            self.input.wrapping_add(pass * self.program.input_len()),
            self.output,
            (pass, self.passes),
            self.arena.wrapping_add(arena * self.layout.arena_pitch),
            self.scratch.wrapping_add(thread * self.layout.scratch_pitch),
            self.weights,
        )
    }
}

// SAFETY: threads use the shared pointers for disjoint units only, which is `StageFn`'s contract.
unsafe impl Sync for Memory {}

#[cfg(test)]
#[path = "../tests/session.rs"]
mod tests;
