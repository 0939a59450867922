//! Zeroed memory on 64-byte boundaries, in huge pages where it is large.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::huge::{HUGE_PAGE, use_huge_pages};

/// A boxed slice of f32 on a 64-byte boundary, the width of a cache line and of the widest vector.
#[derive(Debug)]
pub struct Aligned {
    /// What was allocated; nothing where the memory is lent.
    block: Option<NonNull<u8>>,
    start: NonNull<f32>,
    len: usize,
}

/// Bytes of a cache line and of the widest vector.
const LINE: usize = 64;

/// What the allocator aligns to by itself. Asked for more, it would write all the zeros, where new pages are zero already and cost
/// nothing before they are touched.
const GIVEN: usize = 16;

// SAFETY: it owns its memory, as a `Box<[f32]>` would.
unsafe impl Send for Aligned {}
// SAFETY: as above.
unsafe impl Sync for Aligned {}

/// Memory that cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// What was asked for; the largest number where even that overflows.
    pub bytes: usize,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of memory cannot be had", self.bytes)
    }
}

impl std::error::Error for OutOfMemory {}

impl Aligned {
    /// `len` zeros.
    ///
    /// # Panics
    /// If `len` f32 do not fit the address space. Where there is not so much memory, the process aborts, as it does for a `Vec`.
    pub fn zeroed(len: usize) -> Self {
        let layout = Self::layout(len).expect("length in bytes fits an isize");
        Self::try_zeroed(len).unwrap_or_else(|_| handle_alloc_error(layout))
    }

    /// `len` zeros.
    ///
    /// # Errors
    /// If the allocator has not so much memory. A system that promises more than it has may still end the process once it is used.
    pub fn try_zeroed(len: usize) -> Result<Self, OutOfMemory> {
        let refused = OutOfMemory { bytes: len.saturating_mul(size_of::<f32>()) };
        let layout = Self::layout(len).ok_or(refused)?;
        let (boundary, huge) = (Self::boundary(len), Self::huge(len));
        // SAFETY: the layout's size is not zero.
        let block = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(refused)?;
        // SAFETY: the layout has room for what the offset skips, less than the boundary.
        let start = unsafe { block.add(block.addr().get().next_multiple_of(boundary) - block.addr().get()) };
        if huge > 0 {
            // SAFETY: the layout has room for so much after the boundary.
            unsafe { use_huge_pages(start, huge) };
        }
        Ok(Self { block: Some(block), start: start.cast(), len })
    }

    /// Memory of the caller's, which nobody else uses from now on. It is never freed. Nothing where it is not on a 64-byte boundary.
    pub fn lent(memory: &'static mut [f32]) -> Option<Self> {
        let start = NonNull::from(&mut *memory).cast::<f32>();
        start.addr().get().is_multiple_of(LINE).then_some(Self { block: None, start, len: memory.len() })
    }

    /// A copy of `values`.
    pub fn copy_of(values: &[f32]) -> Self {
        let mut copy = Self::zeroed(values.len());
        copy.copy_from_slice(values);
        copy
    }

    /// Bytes of huge pages that are worth it: to zero a whole one takes about as long as to get a quarter of it in small pages.
    fn huge(len: usize) -> usize {
        (4 * len + HUGE_PAGE - HUGE_PAGE / 4) / HUGE_PAGE * HUGE_PAGE
    }

    fn boundary(len: usize) -> usize {
        if Self::huge(len) > 0 { HUGE_PAGE } else { LINE }
    }

    /// What is allocated for `len` f32; `None` where that does not fit an `isize`.
    fn layout(len: usize) -> Option<Layout> {
        if len > isize::MAX as usize / size_of::<f32>() - HUGE_PAGE {
            return None;
        }
        Layout::from_size_align(Self::huge(len).max(4 * len) + Self::boundary(len), GIVEN).ok()
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        if let (Some(block), Some(layout)) = (self.block, Self::layout(self.len)) {
            // SAFETY: allocated in `try_zeroed` with the same layout.
            unsafe { dealloc(block.as_ptr(), layout) }
        }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `len` initialised f32 start there, owned by `self` or lent to it alone for good.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

#[cfg(test)]
#[path = "../tests/arena.rs"]
mod tests;
