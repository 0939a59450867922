//! Zeroed memory on 64-byte boundaries.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

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
        // SAFETY: the layout's size is not zero.
        let block = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: the layout has room for what the offset skips, less than a line.
        let start = unsafe { block.add(block.addr().get().next_multiple_of(LINE) - block.addr().get()) }.cast();
        Self { block, start, len }
    }

    /// A copy of `values`.
    pub fn copy_of(values: &[f32]) -> Self {
        let mut copy = Self::zeroed(values.len());
        copy.copy_from_slice(values);
        copy
    }

    fn layout(len: usize) -> Layout {
        let bytes = len.checked_mul(4).and_then(|bytes| bytes.checked_add(LINE)).expect("length in bytes fits a usize");
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
        for len in [0, 1, 15, 16, 17, 1000, 1 << 20] {
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
