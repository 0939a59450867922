//! NumPy's `.npy`, as far as tensors of f32 need it: little endian, C order. Bytes are read as f32.
//!
//! The format is NumPy's own, `numpy.lib.format`: the magic `\x93NUMPY`, a version, the header's length, the header (a Python
//! dictionary of `descr`, `fortran_order` and `shape`), the values.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::header;

pub use super::header::Elements;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longest header that is read; those of f32 arrays take 118 bytes.
const MAX_HEADER: usize = 1 << 16;

/// Why an array cannot be read.
#[derive(Debug)]
pub enum Error {
    /// The file cannot be read.
    Io(io::Error),
    /// It is not what is needed: what is wrong, and what to do.
    Format(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(error) => error.fmt(f),
            Error::Format(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}

impl From<String> for Error {
    fn from(what: String) -> Self {
        Error::Format(what)
    }
}

/// Opens a file to read from front to back, a pipe too; `-` is the standard input.
///
/// # Errors
/// If it cannot be opened.
pub fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if path == Path::new("-") { Ok(Box::new(io::stdin().lock())) } else { Ok(Box::new(File::open(path)?)) }
}

/// Reads what comes before the values: the array's shape, and which of those `taken` its values are. Nothing bounds the product of its at
/// most 64 dimensions.
///
/// # Errors
/// If the file cannot be read or holds anything but such values in C order.
pub fn read_header(file: &mut impl Read, taken: &[Elements]) -> Result<(Vec<usize>, Elements), Error> {
    let mut start = [0; 8];
    read_all(file, &mut start, || "this is not an .npy file".into())?;
    let [magic @ .., major, minor] = start;
    if magic != *MAGIC {
        return Err("this is not an .npy file: save the array with numpy.save".to_string().into());
    }
    let width = match (major, minor) {
        (1, 0) => 2,
        (2 | 3, 0) => 4,
        _ => return Err(format!("version {major}.{minor} of .npy is unknown: save the array with numpy.save").into()),
    };
    let cut_off = || "the file is cut off in its header".to_string();
    let mut len = [0; 4];
    read_all(file, &mut len[..width], cut_off)?;
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_HEADER {
        return Err(format!("the header claims {len} bytes, more than the {MAX_HEADER} that are read").into());
    }
    let mut text = vec![0; len];
    read_all(file, &mut text, cut_off)?;
    let text = std::str::from_utf8(&text).map_err(|_| "the header is not text".to_string())?;
    Ok(header::parse(text, taken)?)
}

/// Reads the values that are next. Bytes become numbers from 0 to 255.
///
/// # Errors
/// If the file cannot be read or ends before.
pub fn read_values(file: &mut impl Read, elements: Elements, values: &mut [f32]) -> Result<(), Error> {
    let cut_off = || "the file is cut off: it holds fewer values than its shape says".to_string();
    if elements == Elements::U8 {
        let mut bytes = [0; 4096];
        for values in values.chunks_mut(bytes.len()) {
            read_all(file, &mut bytes[..values.len()], cut_off)?;
            values.iter_mut().zip(bytes).for_each(|(value, byte)| *value = byte.into());
        }
        return Ok(());
    }
    // SAFETY: these are the bytes of `values`, any bytes are values, and nothing else looks at them meanwhile.
    let bytes = unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast::<u8>(), size_of_val(values)) };
    read_all(file, bytes, cut_off)?;
    values.iter_mut().for_each(|value| *value = f32::from_bits(u32::from_le(value.to_bits())));
    Ok(())
}

/// Checks that nothing comes after the values.
///
/// # Errors
/// If the file cannot be read or goes on.
pub fn read_end(file: &mut impl Read) -> Result<(), Error> {
    match file.read_exact(&mut [0]) {
        Ok(()) => Err("the file goes on: it holds more values than its shape says".to_string().into()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        Err(error) => Err(Error::Io(error)),
    }
}

fn read_all(file: &mut impl Read, bytes: &mut [u8], cut_off: impl FnOnce() -> String) -> Result<(), Error> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_off().into(),
        _ => Error::Io(error),
    })
}

/// Writes an array as version 1.0, its values on a 64-byte boundary of the file.
///
/// # Errors
/// If `file` cannot be written to.
pub fn write(file: &mut dyn Write, shape: &[usize], values: &[f32]) -> io::Result<()> {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    // Python's `(3)` is a number.
    let comma = if shape.len() == 1 { "," } else { "" };
    let dict = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{comma}), }}", sizes.join(", "));
    let before = MAGIC.len() + 4;
    let len = (before + dict.len() + 1).next_multiple_of(64) - before;
    let claim = u16::try_from(len).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the shape is too long"))?;
    file.write_all(MAGIC)?;
    file.write_all(&[1, 0])?;
    file.write_all(&claim.to_le_bytes())?;
    writeln!(file, "{dict:<width$}", width = len - 1)?;
    values.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))
}
