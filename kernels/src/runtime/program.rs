//! The contract between generated code and what runs it. Everything is `repr(C)`, so that a program built by one
//! compiler can be loaded by another.

use super::{Level, Units};

/// Version of this contract; a loader refuses any other.
pub const ABI: u32 = 3;

/// Where a stage finds its data. All but `input` and `output` are 64-byte aligned; lengths are in the [`Program`].
#[derive(Debug)]
#[repr(C)]
pub struct Context {
    /// The images of this pass, NCHW.
    pub input: *const f32,
    /// The network's outputs one after another, each NCHW over all passes of the run.
    pub output: *mut f32,
    /// Which pass of the run this is.
    pub pass: usize,
    /// Passes of the run.
    pub passes: usize,
    /// Maps that live from stage to stage, shared by the threads that work on this pass.
    pub arena: *mut f32,
    /// Memory of this thread alone: rows of the maps inside a stage.
    pub scratch: *mut f32,
    /// Packed weights.
    pub weights: *const f32,
}

/// Computes units of a stage.
///
/// # Safety
/// The context's pointers must be valid for the lengths of the stage's program, `output` for `passes` times its length, and
/// `pass < passes`; the CPU must have the program's level, the units must be the stage's, and no two calls that run at the same time
/// may share units of a pass or `scratch`.
pub type StageFn = unsafe extern "C" fn(cx: &Context, units: &mut Units<'_>);

/// A group of layers executed together, split into units that may run in any order on any thread.
#[derive(Debug)]
#[repr(C)]
pub struct Stage {
    /// UTF-8 of the name, not terminated.
    pub name: *const u8,
    /// Bytes of the name.
    pub name_len: usize,
    /// Units of work.
    pub units: usize,
    /// Runs the units it is given.
    pub run: StageFn,
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
    pub fn name(&self) -> &str {
        // SAFETY: `new` took pointer and length from a `&'static str`.
        unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(self.name, self.name_len)) }
    }
}

/// A network compiled for one level. A run takes any number of passes through its stages. Lengths are in f32.
#[derive(Debug)]
#[repr(C)]
pub struct Program {
    /// [`ABI`] of the crate that holds it.
    pub abi: u32,
    /// The level its code needs.
    pub level: Level,
    /// Images of a pass.
    pub batch: usize,
    /// Length of a pass's input.
    pub input_len: usize,
    /// Length of all outputs of a pass.
    pub output_len: usize,
    /// Length of the arena of a pass.
    pub arena_len: usize,
    /// Length of each thread's scratch memory.
    pub scratch_len: usize,
    /// Length of the packed weights.
    pub weights_len: usize,
    /// The packed weights, 64-byte aligned.
    pub weights: *const f32,
    /// The stages, in order.
    pub stages: *const Stage,
    /// Number of stages.
    pub stage_count: usize,
}

// SAFETY: a program only holds addresses of immutable statics.
unsafe impl Sync for Program {}
// SAFETY: as above.
unsafe impl Send for Program {}

impl Program {
    /// The stages, in order; each needs all units of those before it.
    pub fn stages(&self) -> &[Stage] {
        // SAFETY: generated crates take pointer and length from one static array.
        unsafe { std::slice::from_raw_parts(self.stages, self.stage_count) }
    }
}
