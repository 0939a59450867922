//! The packed weights, embedded on a cache line's boundary and used in place.

/// Bytes on a 64-byte boundary.
#[repr(C, align(64))]
pub struct Aligned<T>(pub T);

/// Little-endian f32 in the order in which the kernels read them.
pub static WEIGHTS: Aligned<[u8; 2176]> = Aligned(*include_bytes!("../weights.bin"));
