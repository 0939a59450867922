//! The packed weights, embedded on a cache line's boundary and used in place.

/// Bytes on a 64-byte boundary.
#[repr(C, align(64))]
struct Aligned<T>(T);

/// Little-endian f32.
static BYTES: Aligned<[u8; 2176]> = Aligned(*include_bytes!("../weights.bin"));

/// The weights in the order in which the kernels read them.
// SAFETY: the bytes are so many f32, aligned, and never change.
pub const WEIGHTS: &[f32] = unsafe { std::slice::from_raw_parts(BYTES.0.as_ptr().cast(), 544) };
