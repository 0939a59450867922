//! Places for buffers: between pages that nobody may touch, or alone on the heap for tools that watch it.

use std::alloc::{Layout, alloc, dealloc};

/// Where a buffer lies.
#[derive(Clone, Copy, PartialEq)]
pub enum Placement {
    /// It begins where an untouchable page ends.
    Low,
    /// It ends where an untouchable page begins.
    High,
    /// An allocation of exactly its length.
    Heap,
}

/// One place for each buffer of a call.
pub struct Places {
    placement: Placement,
    /// First bytes of the accessible parts.
    slots: Vec<*mut u8>,
    /// Bytes of each.
    size: usize,
    heap: Vec<(*mut u8, Layout)>,
}

unsafe extern "C" {
    fn mmap(at: *mut u8, len: usize, protection: i32, flags: i32, file: i32, offset: i64) -> *mut u8;
    fn mprotect(at: *mut u8, len: usize, protection: i32) -> i32;
}

/// The largest page of the machines at hand.
const PAGE: usize = 1 << 16;
const PROT_NONE: i32 = 0;
const PROT_READ_WRITE: i32 = 3;
const MAP_PRIVATE_ANONYMOUS: i32 = 0x22;

impl Places {
    /// `count` places for up to `longest` f32.
    pub fn new(placement: Placement, count: usize, longest: usize) -> Self {
        let size = (longest * 4).next_multiple_of(PAGE);
        let slots = if placement == Placement::Heap { Vec::new() } else { (0..count).map(|_| slot(size)).collect() };
        Self { placement, slots, size, heap: Vec::new() }
    }

    /// A copy of a buffer, until [`clear`](Self::clear).
    pub fn put(&mut self, index: usize, buffer: &[f32]) -> *mut f32 {
        let bytes = buffer.len() * 4;
        // SAFETY: what is offset lies inside the slot, which is `size` bytes and at least as long as the buffer; the layout has a size.
        let at = unsafe {
            match self.placement {
                Placement::Low => self.slots[index],
                Placement::High => self.slots[index].add(self.size - bytes),
                Placement::Heap => {
                    let layout = Layout::from_size_align(bytes, 64).unwrap();
                    self.heap.push((alloc(layout), layout));
                    self.heap[index].0
                }
            }
        };
        // SAFETY: `bytes` bytes are writable there, and not part of `buffer`.
        unsafe { at.cast::<f32>().copy_from_nonoverlapping(buffer.as_ptr(), buffer.len()) };
        at.cast()
    }

    pub fn clear(&mut self) {
        // SAFETY: allocated in `put` with this layout.
        self.heap.drain(..).for_each(|(at, layout)| unsafe { dealloc(at, layout) });
    }
}

/// `size` bytes between two pages without access.
fn slot(size: usize) -> *mut u8 {
    // SAFETY: asks for new memory, of which the middle is made accessible; PAGE is a multiple of the system's page.
    unsafe {
        let all = mmap(std::ptr::null_mut(), size + 3 * PAGE, PROT_NONE, MAP_PRIVATE_ANONYMOUS, -1, 0);
        assert!(all as isize != -1, "mmap: {}", std::io::Error::last_os_error());
        let slot = all.add(all.align_offset(PAGE)).add(PAGE);
        assert_eq!(mprotect(slot, size, PROT_READ_WRITE), 0, "mprotect: {}", std::io::Error::last_os_error());
        slot
    }
}
