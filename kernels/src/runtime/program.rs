//! The contract between generated code and what runs it. Everything is `repr(C)`, so that a program built by one
//! compiler can be loaded by another.
//!
//! A [`Session`](super::Session) runs whatever program it is given, so that one that lies about itself must not exist: only
//! [`Program::new`] makes programs, and is `unsafe`. Stages and contexts promise nothing by themselves, for to call a stage's
//! function is `unsafe` too.

use super::{Level, Units};

/// Version of this contract; a loader refuses any other.
pub const ABI: u32 = 3;

/// Where a stage finds its data. Lengths are in the [`Program`].
#[derive(Debug)]
#[repr(C)]
pub struct Context {
    input: *const f32,
    output: *mut f32,
    pass: usize,
    passes: usize,
    arena: *mut f32,
    scratch: *mut f32,
    weights: *const f32,
}

impl Context {
    /// What a stage's function is called with; [`StageFn`] says what must be true of it then.
    pub const fn new(
        input: *const f32,
        output: *mut f32,
        (pass, passes): (usize, usize),
        arena: *mut f32,
        scratch: *mut f32,
        weights: *const f32,
    ) -> Self {
        Self { input, output, pass, passes, arena, scratch, weights }
    }

    /// The images of this pass, NCHW.
    #[inline]
    pub const fn input(&self) -> *const f32 {
        self.input
    }

    /// The network's outputs one after another, each NCHW over all passes of the run.
    #[inline]
    pub const fn output(&self) -> *mut f32 {
        self.output
    }

    /// Which pass of the run this is.
    #[inline]
    pub const fn pass(&self) -> usize {
        self.pass
    }

    /// Passes of the run.
    #[inline]
    pub const fn passes(&self) -> usize {
        self.passes
    }

    /// Maps that live from stage to stage, shared by the threads that work on this pass.
    #[inline]
    pub const fn arena(&self) -> *mut f32 {
        self.arena
    }

    /// Memory of this thread alone: rows of the maps inside a stage.
    #[inline]
    pub const fn scratch(&self) -> *mut f32 {
        self.scratch
    }

    /// Packed weights.
    #[inline]
    pub const fn weights(&self) -> *const f32 {
        self.weights
    }
}

/// Computes units of a stage.
///
/// # Safety
/// - The context's pointers are valid for the lengths of the stage's program, those of the arena and the scratch memory for writes too and
///   initialised; `output` is valid for writes of `passes` times its length, and `pass < passes`. All but `input` and `output` are
///   64-byte aligned. What they hold, and what earlier stages did, makes no difference to safety: addresses depend on no data.
/// - The CPU has the program's level.
/// - The units are the stage's.
/// - Calls that run at the same time have scratch memory of their own; those that have the arena, or the output and the pass, in common
///   are of one stage and one pass, and share no unit.
pub type StageFn = unsafe extern "C" fn(cx: &Context, units: &mut Units<'_>);

/// A group of layers executed together, split into units that may run in any order on any thread.
#[derive(Debug)]
#[repr(C)]
pub struct Stage {
    /// UTF-8, not terminated, of a `&'static str`.
    name: *const u8,
    name_len: usize,
    units: usize,
    run: StageFn,
}

// SAFETY: a stage only holds addresses of immutable statics.
unsafe impl Sync for Stage {}
// SAFETY: as above.
unsafe impl Send for Stage {}

impl Stage {
    /// The entry of a static stage table.
    pub const fn new(name: &'static str, units: usize, run: StageFn) -> Self {
        Self { name: name.as_ptr(), name_len: name.len(), units, run }
    }

    /// The layers it computes, for people.
    pub const fn name(&self) -> &'static str {
        // SAFETY: `new` took pointer and length from a `&'static str`.
        unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(self.name, self.name_len)) }
    }

    /// Units of work.
    #[inline]
    pub const fn units(&self) -> usize {
        self.units
    }

    /// Runs the units it is given.
    #[inline]
    pub const fn run(&self) -> StageFn {
        self.run
    }
}

/// What a program needs, in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Lengths {
    /// Input of a pass.
    pub input: usize,
    /// All outputs of a pass.
    pub output: usize,
    /// Arena of a pass.
    pub arena: usize,
    /// Scratch memory of each thread.
    pub scratch: usize,
}

/// A network compiled for one level. A run takes any number of passes through its stages. Lengths are in f32.
#[derive(Debug)]
#[repr(C)]
pub struct Program {
    abi: u32,
    level: Level,
    batch: usize,
    lengths: Lengths,
    weights_len: usize,
    weights: *const f32,
    stages: *const Stage,
    stage_count: usize,
}

// SAFETY: a program only holds addresses of immutable statics.
unsafe impl Sync for Program {}
// SAFETY: as above.
unsafe impl Send for Program {}

impl Program {
    /// A program for `level` of passes of `batch` images.
    ///
    /// # Safety
    /// Every stage's function can be called as [`StageFn`] says with contexts of these lengths and weights, with the units
    /// `0..stage.units()` in any order and any parts, and needs no features but those of the level. The weights are
    /// 64-byte aligned, unless there are none.
    pub const unsafe fn new(
        level: Level,
        batch: usize,
        lengths: Lengths,
        weights: &'static [f32],
        stages: &'static [Stage],
    ) -> Self {
        let (weights_len, stage_count) = (weights.len(), stages.len());
        let (weights, stages) = (weights.as_ptr(), stages.as_ptr());
        Self { abi: ABI, level, batch, lengths, weights_len, weights, stages, stage_count }
    }

    /// [`ABI`] of the crate that holds it.
    #[inline]
    pub const fn abi(&self) -> u32 {
        self.abi
    }

    /// The level its code needs.
    #[inline]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Images of a pass.
    #[inline]
    pub const fn batch(&self) -> usize {
        self.batch
    }

    /// What it needs.
    #[inline]
    pub const fn lengths(&self) -> Lengths {
        self.lengths
    }

    /// Length of a pass's input.
    #[inline]
    pub const fn input_len(&self) -> usize {
        self.lengths.input
    }

    /// Length of all outputs of a pass.
    #[inline]
    pub const fn output_len(&self) -> usize {
        self.lengths.output
    }

    /// Length of the arena of a pass.
    #[inline]
    pub const fn arena_len(&self) -> usize {
        self.lengths.arena
    }

    /// Length of each thread's scratch memory.
    #[inline]
    pub const fn scratch_len(&self) -> usize {
        self.lengths.scratch
    }

    /// The packed weights, 64-byte aligned.
    #[inline]
    pub const fn weights(&self) -> &'static [f32] {
        // SAFETY: `new` took pointer and length from such a slice.
        unsafe { std::slice::from_raw_parts(self.weights, self.weights_len) }
    }

    /// The stages, in order; each needs all units of those before it.
    #[inline]
    pub const fn stages(&self) -> &'static [Stage] {
        // SAFETY: `new` took pointer and length from such a slice.
        unsafe { std::slice::from_raw_parts(self.stages, self.stage_count) }
    }
}
