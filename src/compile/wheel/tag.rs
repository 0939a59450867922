//! The tag of a wheel: which systems its library runs on, read from the library.

use object::Endianness;
use object::elf::{EM_AARCH64, EM_X86_64, FileHeader64};
use object::read::elf::FileHeader;

use crate::compile::error::CompileError;

/// The oldest C libraries that Python's packages speak of in this form.
const OLDEST: (u32, u32) = (2, 17);

/// The tag of the systems that a shared library runs on: those whose C library has all versions of functions that it needs.
///
/// # Errors
/// If it is no library for Linux on x86-64 or aarch64.
pub fn tag(library: &[u8]) -> Result<String, CompileError> {
    needs(library).map_err(|error| CompileError::Library(error.to_string()))?.ok_or_else(|| {
        CompileError::Library("wheels are made for x86_64 and aarch64, and the library is of another architecture".into())
    })
}

fn needs(library: &[u8]) -> Result<Option<String>, object::read::Error> {
    let header = FileHeader64::<Endianness>::parse(library)?;
    let endian = header.endian()?;
    let arch = match header.e_machine(endian) {
        EM_X86_64 => "x86_64",
        EM_AARCH64 => "aarch64",
        _ => return Ok(None),
    };
    let sections = header.sections(endian, library)?;
    let mut newest = None;
    if let Some((mut files, link)) = sections.gnu_verneed(endian, library)? {
        let strings = sections.strings(endian, library, link)?;
        while let Some((_, mut versions)) = files.next()? {
            while let Some(version) = versions.next()? {
                newest = newest.max(glibc(version.name(endian, strings)?));
            }
        }
    }
    // musl has no versions.
    let tag = newest
        .map(|version: (u32, u32)| version.max(OLDEST))
        .map_or_else(|| format!("musllinux_1_2_{arch}"), |(major, minor)| format!("manylinux_{major}_{minor}_{arch}"));
    Ok(Some(tag))
}

/// The version in a name such as `GLIBC_2.17` or `GLIBC_2.2.5`.
fn glibc(name: &[u8]) -> Option<(u32, u32)> {
    let mut numbers = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(
            [&b"GLIBC_2.2.5"[..], b"GLIBC_2.34", b"GLIBC_PRIVATE", b"GCC_3.0"].map(glibc),
            [Some((2, 2)), Some((2, 34)), None, None]
        );
    }

    #[test]
    fn what_is_no_library_is_refused() {
        for bytes in [&b""[..], b"\x7fELF", &[0; 4096]] {
            assert!(tag(bytes).is_err());
        }
    }
}
