//! Memory that pictures take: counted before it is taken, and had or refused without ending the process.

use super::Fault;

/// Bytes that decoding and resizing a picture may take together unless told otherwise: 200 megapixels as phones write them.
pub const MAX_MEMORY: u64 = 1 << 30;

/// Refuses what takes more than the limit, and what the system does not give: decoders that allocate for themselves abort instead.
pub(super) fn check(size: (usize, usize), what: &'static str, bytes: u64, limit: u64) -> Result<(), Fault> {
    if bytes > limit {
        return Err(Fault::Memory { size, what, bytes, limit: Some(limit) });
    }
    let given = usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    if given { Ok(()) } else { Err(Fault::Memory { size, what, bytes, limit: None }) }
}

/// So many bytes of a picture, each of them `fill`.
pub(super) fn filled(size: (usize, usize), bytes: usize, fill: u8) -> Result<Vec<u8>, Fault> {
    let mut values = Vec::new();
    let refused = |_| Fault::Memory { size, what: "decode or resize", bytes: bytes as u64, limit: None };
    values.try_reserve_exact(bytes).map_err(refused)?;
    values.resize(bytes, fill);
    Ok(values)
}
