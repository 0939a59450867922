//! Where a session reads the program's weights: in the file that they are embedded in, or in a copy.
//!
//! The system keeps a file in pages that may lie anywhere in memory. Pages that fall into the same sets of the L2 cache displace one
//! another, so one copy of a file can be slower than the next. Huge pages lie in one piece, and are as fast as the best copy.

use std::sync::Arc;

use super::{Aligned, OutOfMemory, Program};

/// f32 that Linux maps at once, around the one that is read.
const MAPPED: usize = (64 << 10) / size_of::<f32>();

/// The weights of a program.
#[derive(Clone, Debug)]
pub struct Weights {
    program: &'static Program,
    copy: Option<Arc<Aligned>>,
}

impl Weights {
    /// Those in the file.
    pub const fn embedded(program: &'static Program) -> Self {
        Self { program, copy: None }
    }

    /// A copy, in huge pages where the system has them. Clones share it.
    ///
    /// # Errors
    /// If there is not so much memory.
    pub fn copied(program: &'static Program) -> Result<Self, OutOfMemory> {
        let mut copy = Aligned::try_zeroed(program.weights().len())?;
        copy.copy_from_slice(program.weights());
        Ok(Self { program, copy: Some(Arc::new(copy)) })
    }

    /// Whether they are a copy.
    pub const fn are_copied(&self) -> bool {
        self.copy.is_some()
    }

    /// The first of them, on a boundary of 64 bytes. They are those of [`program`](Self::program) and stay while `self` or a clone does.
    pub fn as_ptr(&self) -> *const f32 {
        self.copy.as_ref().map_or(self.program.weights().as_ptr(), |copy| copy.as_ptr())
    }

    /// The program that they belong to.
    pub const fn program(&self) -> &'static Program {
        self.program
    }

    /// Reads one of the weights of each piece of the file that is mapped at once, so that a first run finds them mapped.
    pub fn mapped(program: &'static Program) -> impl Iterator<Item = f32> + Send {
        // SAFETY: a reference is valid to be read.
        program.weights().iter().step_by(MAPPED).map(|weight| unsafe { std::ptr::from_ref(weight).read_volatile() })
    }
}
