//! The memory that pictures need. It is counted before it is allocated, and if there is not enough, that is an error and the process goes on.

use super::Fault;

/// The memory, in bytes, that decoding and resizing a picture may take by default: enough for 200 megapixels as phones write them.
pub const MAX_MEMORY: u64 = 1 << 30;

/// Checks that the memory is within the limit and that the system has it. Decoders that allocate memory themselves would abort the process if
/// there is not enough.
pub(super) fn check(size: (usize, usize), what: &'static str, bytes: u64, limit: u64) -> Result<(), Fault> {
    if bytes > limit {
        return Err(Fault::Memory { size, what, bytes, limit: Some(limit) });
    }
    let given = usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    if given { Ok(()) } else { Err(Fault::Memory { size, what, bytes, limit: None }) }
}

/// Allocates `len` bytes for a picture and fills them with `fill`.
pub(super) fn filled(size: (usize, usize), bytes: usize, fill: u8) -> Result<Vec<u8>, Fault> {
    let mut values = Vec::new();
    let refused = |_| Fault::Memory { size, what: "decode or resize", bytes: bytes as u64, limit: None };
    values.try_reserve_exact(bytes).map_err(refused)?;
    values.resize(bytes, fill);
    Ok(values)
}
