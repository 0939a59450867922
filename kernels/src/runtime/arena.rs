//! Zeroed memory on 64-byte boundaries, in huge pages where it is large.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::huge::{HUGE_PAGE, use_huge_pages};

/// A boxed slice of f32 on a 64-byte boundary, the width of a cache line and of the widest vector.
#[derive(Debug)]
pub struct Aligned {
    block: NonNull<u8>,
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

impl Aligned {
    /// `len` zeros.
    ///
    /// # Panics
    /// If `len` f32 do not fit the address space.
    pub fn zeroed(len: usize) -> Self {
        let layout = Self::layout(len);
        let (boundary, huge) = (Self::boundary(len), Self::huge(len));
        // SAFETY: the layout's size is not zero.
        let block = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: the layout has room for what the offset skips, less than the boundary.
        let start = unsafe { block.add(block.addr().get().next_multiple_of(boundary) - block.addr().get()) };
        if huge > 0 {
            // SAFETY: the layout has room for so much after the boundary.
            unsafe { use_huge_pages(start, huge) };
        }
        Self { block, start: start.cast(), len }
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

    fn layout(len: usize) -> Layout {
        assert!(len <= isize::MAX as usize / 4 - HUGE_PAGE, "length in bytes fits an isize");
        let bytes = Self::huge(len).max(4 * len) + Self::boundary(len);
        Layout::from_size_align(bytes, GIVEN).expect("length in bytes fits an isize")
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        // SAFETY: allocated in `zeroed` with the same layout.
        unsafe { dealloc(self.block.as_ptr(), Self::layout(self.len)) }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `len` initialised f32 start there, owned by `self`.
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
mod tests {
    use super::*;

    #[test]
    fn memory_is_zero_and_starts_on_a_cache_line() {
        const HUGE: usize = HUGE_PAGE / 4;
        for len in [0, 1, 15, 16, 17, 1000, HUGE / 4 - 1, HUGE / 4, HUGE, HUGE + 1, HUGE / 4 * 5, 3 * HUGE] {
            let memory = Aligned::zeroed(len);
            assert_eq!(memory.len(), len);
            assert_eq!(memory.as_ptr() as usize % 64, 0, "length {len}");
            assert!(memory.iter().all(|&x| x.to_bits() == 0), "length {len}");
        }
    }

    #[test]
    fn a_copy_holds_the_same_bits() {
        let values = [1.0, -0.0, f32::NAN, f32::INFINITY, 1e-45];
        let copy = Aligned::copy_of(&values);
        assert_eq!(copy.as_ptr() as usize % 64, 0);
        assert!(copy.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    #[should_panic(expected = "fits")]
    fn a_length_beyond_the_address_space_panics() {
        Aligned::zeroed(usize::MAX / 2);
    }
}
