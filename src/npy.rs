//! NumPy's `.npy`, as far as tensors of f32 need it: little endian, C order.
//!
//! The format is NumPy's own, `numpy.lib.format`: the magic `\x93NUMPY`, a version, the header's length, the header (a Python
//! dictionary of `descr`, `fortran_order` and `shape`), the values.

mod header;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::output;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longest header that is read; those of f32 arrays take 118 bytes.
const MAX_HEADER: usize = 1 << 16;

/// A file that could not be read or written as `.npy`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpyError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what is needed.
    #[error("{}: {what}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
}

/// Reads the shape and the values.
///
/// # Errors
/// If the file cannot be read, is not `.npy`, holds anything but little-endian f32 in C order, or is not as long as its shape says.
pub fn read(path: &Path) -> Result<(Vec<usize>, Vec<f32>), NpyError> {
    let io = |source| NpyError::Io { path: path.into(), source };
    let format = |what| NpyError::Format { path: path.into(), what };
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let mut file = BufReader::new(file);
    let (text, start) = read_header(&mut file).map_err(io)?.map_err(format)?;
    let shape = header::parse(&text).map_err(format)?;
    let bytes = shape.iter().try_fold(4usize, |n, &d| n.checked_mul(d));
    let Some(bytes) = bytes.filter(|&bytes| bytes as u64 == size.saturating_sub(start)) else {
        return Err(format(format!("the shape is {shape:?}, but {} bytes of values follow", size.saturating_sub(start))));
    };
    let mut data = vec![0; bytes];
    file.read_exact(&mut data).map_err(io)?;
    Ok((shape, data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()))
}

/// Writes an array; the file appears when it is complete.
///
/// # Errors
/// If the file cannot be written.
///
/// # Panics
/// If the shape does not hold `data.len()` values.
pub fn write(path: &Path, shape: &[usize], data: &[f32]) -> Result<(), NpyError> {
    assert_eq!(shape.iter().product::<usize>(), data.len(), "shape {shape:?}");
    let dims: String = shape.iter().map(|d| format!("{d}, ")).collect();
    let dims = if shape.len() == 1 { dims.trim_end() } else { dims.trim_end_matches(", ") };
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({dims}), }}");
    while !(MAGIC.len() + 4 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let len = u16::try_from(header.len()).expect("dimensions of an array in memory make a short header");
    output::write_file(path, |file| {
        file.write_all(MAGIC)?;
        file.write_all(&[1, 0])?;
        file.write_all(&len.to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        data.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))
    })
    .map_err(|source| NpyError::Io { path: path.into(), source })
}

/// The header and the offset of the values, or what is wrong.
fn read_header(file: &mut impl Read) -> io::Result<Result<(String, u64), String>> {
    let mut start = [0; 8];
    match file.read_exact(&mut start) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Err("this is not an .npy file".into())),
        other => other?,
    }
    if start[..6] != *MAGIC {
        return Ok(Err("this is not an .npy file: save the array with numpy.save".into()));
    }
    let mut len = [0; 4];
    let width = if start[6] == 1 { 2 } else { 4 };
    let truncated = || Ok(Err("the file ends in its header".into()));
    if file.read_exact(&mut len[..width]).is_err() {
        return truncated();
    }
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_HEADER {
        return Ok(Err(format!("the header claims {len} bytes")));
    }
    let mut header = vec![0; len];
    if file.read_exact(&mut header).is_err() {
        return truncated();
    }
    Ok(String::from_utf8(header).map(|h| (h, (8 + width + len) as u64)).map_err(|_| "the header is not text".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> Result<(Vec<usize>, Vec<f32>), NpyError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        std::fs::write(&path, bytes).unwrap();
        read(&path)
    }

    fn file(header: &str, values: &[u8]) -> Vec<u8> {
        [MAGIC.as_slice(), &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes(), values].concat()
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        for shape in [vec![], vec![3], vec![0], vec![2, 3], vec![1, 3, 2, 2]] {
            let data: Vec<f32> = (0..shape.iter().product()).map(|i| i as f32 - 0.5).collect();
            write(&path, &shape, &data).unwrap();
            let start = std::fs::read(&path).unwrap().len() - 4 * data.len();
            assert_eq!(start % 64, 0, "values of {shape:?} are aligned");
            assert_eq!(read(&path).unwrap(), (shape, data));
        }
    }

    #[test]
    fn reads_what_numpy_writes() {
        // numpy.save(f, numpy.array([[1.5, -2]], dtype='f4'))
        let header = format!("{:<117}\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }");
        let values = [1.5f32.to_le_bytes(), (-2f32).to_le_bytes()].concat();
        assert_eq!(written(&file(&header, &values)).unwrap(), (vec![1, 2], vec![1.5, -2.0]));
    }

    #[test]
    fn says_what_is_wrong() {
        let header = |descr: &str, order: &str, shape: &str| {
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n")
        };
        let cases = [
            (b"".to_vec(), "not an .npy"),
            (b"\x89PNG\r\n\x1a\n".to_vec(), "not an .npy"),
            (file(&header("<f8", "False", "(1,)"), &[0; 8]), "not '<f4'"),
            (file(&header("<f4", "True", "(1,)"), &[0; 4]), "Fortran"),
            (file(&header("<f4", "False", "(2,)"), &[0; 4]), "4 bytes of values"),
            (file(&header("<f4", "False", "(1,)"), &[0; 8]), "8 bytes of values"),
            (file(&header("<f4", "False", "(-1,)"), &[0; 4]), "not a size"),
            (file(&header("<f4", "False", "(9223372036854775807, 8)"), &[0; 4]), "bytes of values"),
            (file("{}", &[]), "no 'descr'"),
            (file(&header("<f4", "False", "(1)"), &[0; 4]), "not a tuple"),
            (file(&header("<f4", "False", "(01,)"), &[0; 4]), "'01' in the shape"),
            (file(&header("<f4", "Falsehood", "(1,)"), &[0; 4]), "Falsehood"),
            (file("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'shape': ()}", &[0; 4]), "twice"),
            (file("{'descr': '<f4', 'fortran_order': False, 'shape': ()} }", &[0; 4]), "after its end"),
            (file("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}", &[0; 4]), "an entry 'x'"),
            ([MAGIC.as_slice(), &[1, 0, 200, 0]].concat(), "ends in its header"),
            ([MAGIC.as_slice(), &[2, 0, 255, 255, 255, 255]].concat(), "claims"),
        ];
        for (bytes, expected) in cases {
            let message = written(&bytes).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
