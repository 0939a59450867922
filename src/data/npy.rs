//! Reads and writes NumPy's `.npy` files. The format itself is in [`sartor_kernels::files::npy`], which compiled programs use too.

use std::io;
use std::path::{Path, PathBuf};

use sartor_kernels::files::npy;
pub use sartor_kernels::files::npy::Elements;
use sartor_models::escape;

use crate::files::output;

/// The most values that are read: 4 GiB.
const MAX_VALUES: usize = 1 << 30;

/// How many values are read at once. So memory grows with the file's length, not with the length that its shape claims.
const BLOCK: usize = 1 << 20;

/// A file cannot be read or written as `.npy`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpyError {
    /// The file cannot be read or written.
    #[error("{}: {source}", escape::path(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not an array that is needed.
    #[error("{}: {what}", escape::path(path))]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do. Text from the file is escaped.
        what: String,
    },
}

/// Reads the shape and the values from a file or a pipe. `-` is the standard input.
///
/// # Errors
/// If the file cannot be read; if it is not `.npy`, or not little-endian f32 in C order; if its length does not fit its shape; or
/// if its values are more than 4 GiB or do not fit in memory.
pub fn read(path: &Path) -> Result<(Vec<usize>, Vec<f32>), NpyError> {
    read_as(path, &[Elements::F32])
}

/// The same for arrays whose values may be `taken`. Bytes become numbers from 0 to 255.
///
/// # Errors
/// As [`read`].
pub fn read_as(path: &Path, taken: &[Elements]) -> Result<(Vec<usize>, Vec<f32>), NpyError> {
    read_array(path, taken).map_err(|error| match error {
        npy::Error::Io(source) => NpyError::Io { path: path.into(), source },
        npy::Error::Format(what) => NpyError::Format { path: path.into(), what },
    })
}

fn read_array(path: &Path, taken: &[Elements]) -> Result<(Vec<usize>, Vec<f32>), npy::Error> {
    let mut file = npy::open(path).map_err(npy::Error::Io)?;
    let (shape, elements) = npy::read_header(&mut file, taken)?;
    let len = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).filter(|&len| len <= MAX_VALUES);
    let Some(len) = len else {
        return Err(format!("the shape is {shape:?}, and at most {MAX_VALUES} values can be read: split the array").into());
    };
    let mut values = Vec::new();
    while values.len() < len {
        let (begin, end) = (values.len(), len.min(values.len() + BLOCK));
        values.try_reserve(end - begin).map_err(|error| npy::Error::Io(error.into()))?;
        values.resize(end, 0.0);
        npy::read_values(&mut file, elements, &mut values[begin..])?;
    }
    npy::read_end(&mut file)?;
    Ok((shape, values))
}

/// Writes an array. The file appears when it is complete.
///
/// # Errors
/// If the file cannot be written.
///
/// # Panics
/// If the shape does not hold `data.len()` values.
pub fn write(path: &Path, shape: &[usize], data: &[f32]) -> Result<(), NpyError> {
    assert_eq!(shape.iter().product::<usize>(), data.len(), "shape {shape:?}");
    output::write_file(path, |file| npy::write(file, shape, data)).map_err(|source| NpyError::Io { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: &[u8] = b"\x93NUMPY";

    fn written(bytes: &[u8]) -> Result<(Vec<usize>, Vec<f32>), NpyError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        std::fs::write(&path, bytes).unwrap();
        read(&path)
    }

    fn file(header: &str, values: &[u8]) -> Vec<u8> {
        [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes(), values].concat()
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
            (file(&header("<f8", "False", "(1,)"), &[0; 8]), "the values are '<f8', not '<f4': save array.astype('<f4')"),
            (file(&header("<f4", "True", "(1,)"), &[0; 4]), "Fortran"),
            (file(&header("<f4", "False", "(2,)"), &[0; 4]), "cut off: it holds fewer"),
            (file(&header("<f4", "False", "(1,)"), &[0; 8]), "goes on: it holds more"),
            (file(&header("<f4", "False", "(-1,)"), &[0; 4]), "not a size"),
            (file(&header("<f4", "False", "(9223372036854775807, 8)"), &[0; 4]), "at most 1073741824 values"),
            (file("{}", &[]), "no 'descr'"),
            (file(&header("<f4", "False", "(1)"), &[0; 4]), "not a tuple"),
            (file(&header("<f4", "False", "(01,)"), &[0; 4]), "'01' in the shape"),
            (file(&header("<f4", "Falsehood", "(1,)"), &[0; 4]), "Falsehood"),
            (file("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'shape': ()}", &[0; 4]), "twice"),
            (file("{'descr': '<f4', 'fortran_order': False, 'shape': ()} }", &[0; 4]), "after its end"),
            (file("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}", &[0; 4]), "an entry 'x'"),
            ([MAGIC, &[1, 0, 200, 0]].concat(), "cut off in its header"),
            ([MAGIC, &[2, 0, 255, 255, 255, 255]].concat(), "claims"),
        ];
        for (bytes, expected) in cases {
            let message = written(&bytes).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
