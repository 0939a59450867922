//! Huge pages. Nothing but time depends on them, and a system that has none need not listen.

use std::ptr::NonNull;

/// Bytes of a huge page, on x86-64 and on aarch64 with pages of 4 KiB.
pub const HUGE_PAGE: usize = 2 << 20;

/// Asks for huge pages. New memory is then made and zeroed in one step for each of them, where small pages take several times as
/// long, and address translation misses less.
///
/// # Safety
/// The bytes must be owned by the caller, from one allocation.
pub unsafe fn use_huge_pages(start: NonNull<u8>, bytes: usize) {
    debug_assert!(start.addr().get().is_multiple_of(HUGE_PAGE) && bytes.is_multiple_of(HUGE_PAGE));
    #[cfg(target_os = "linux")]
    {
        use std::ffi::{c_int, c_void};
        unsafe extern "C" {
            fn madvise(start: *mut c_void, bytes: usize, advice: c_int) -> c_int;
        }
        const MADV_HUGEPAGE: c_int = 14;
        // SAFETY: advice on how to back memory changes nothing that is in it.
        let _ = unsafe { madvise(start.as_ptr().cast(), bytes, MADV_HUGEPAGE) };
    }
    let _ = (start, bytes);
}
