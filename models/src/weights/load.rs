//! Reading safetensors files, in any naming that the network is known by.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorInfo};

use super::{Tensor, Weights};
use crate::graph::{Network, Param};
use crate::zoo::Spec;

/// What [`Weights::load`] lets pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Take NaN and infinite values.
    pub allow_non_finite: bool,
    /// Ignore tensors that the network does not have, such as the classifier's where it is built without head.
    pub allow_extra: bool,
}

/// A file that gives no weights.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be opened or read.
    #[error("cannot read '{}': {reason}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
    /// The header is no safetensors header, or does not describe this many bytes.
    #[error("'{}' of {bytes} bytes is damaged, truncated or no safetensors file: {reason}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: usize,
        /// What is wrong with its header.
        reason: SafeTensorError,
    },
    /// The tensors are not the network's.
    #[error("'{}' does not fit network '{network}' ({naming}):{}", .path.display(), list(.problems))]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The network.
        network: String,
        /// The naming that fits the file best.
        naming: &'static str,
        /// All that is wrong.
        problems: Vec<Problem>,
    },
}

pub(crate) fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

/// What is wrong with one tensor, in the file's own names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The network needs it and the file lacks it.
    Missing {
        /// The name it would have in the file.
        name: String,
        /// The shape it would have.
        shape: Vec<usize>,
    },
    /// The network has no such tensor.
    Extra {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// It has another shape than the network's.
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The network's.
        expected: Vec<usize>,
    },
    /// Its type is neither f32, f16 nor bf16.
    Type {
        /// Its name.
        name: String,
        /// Its type, in safetensors' spelling.
        found: String,
    },
    /// It holds NaN or infinite values.
    NonFinite {
        /// Its name.
        name: String,
        /// How many.
        count: usize,
        /// Of how many.
        of: usize,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, shape } => write!(f, "missing tensor '{name}' of shape {shape:?}"),
            Self::Extra { name, shape } => write!(f, "extra tensor '{name}' of shape {shape:?}"),
            Self::Shape { name, found, expected } => {
                write!(f, "tensor '{name}' has shape {found:?}, but the network needs {expected:?}")
            }
            Self::Type { name, found } => {
                write!(f, "tensor '{name}' has type {found}; convert it to F32 (F16 and BF16 will do)")
            }
            Self::NonFinite { name, count, of } => write!(f, "tensor '{name}' has {count} NaN or infinite values of {of}"),
        }
    }
}

impl Weights {
    /// Reads a safetensors file and takes from it the network's parameters; see [`parse`](Self::parse).
    ///
    /// The file is read whole, once, and not mapped: whatever becomes of it afterwards, these values stay, and a file that is
    /// truncated while it is read is an error, where a map would end the process.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), or if the file is unreadable.
    pub fn load(path: impl AsRef<Path>, network: &Network, options: LoadOptions) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|reason| LoadError::Io { path: path.into(), reason })?;
        Self::parse(&bytes, path, network, options)
    }

    /// Takes the network's parameters from the bytes of a safetensors file, which errors call `path`.
    ///
    /// The file's names may be the network's own or another known naming of its family; the one that matches most tensors is
    /// taken. `num_batches_tracked` is ignored, `[n, c]` stands for `[n, c, 1, 1]` and the reverse; f16 and bf16 are widened.
    ///
    /// # Errors
    /// If the file is damaged, or has missing, extra, ill-shaped, ill-typed or non-finite tensors; the error names all.
    pub fn parse(bytes: &[u8], path: &Path, network: &Network, options: LoadOptions) -> Result<Self, LoadError> {
        let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|reason| LoadError::Format {
            path: path.into(),
            bytes: bytes.len(),
            reason,
        })?;
        let mut tensors: BTreeMap<String, &TensorInfo> = metadata.tensors().into_iter().collect();
        tensors.retain(|name, _| name.rsplit('.').next() != Some("num_batches_tracked"));

        let params = network.params();
        let (naming, names) = best_naming(network, &params, &tensors);
        let mut weights = Self::default();
        let mut problems = Vec::new();
        let data = &bytes[size_of::<u64>() + header..];
        for (param, name) in params.into_iter().zip(names) {
            let Some(info) = tensors.remove(&name) else {
                problems.push(Problem::Missing { name, shape: param.shape });
                continue;
            };
            match tensor(data, info, &name, &param.shape, options) {
                Ok(tensor) => weights.insert(param.name, tensor),
                Err(problem) => problems.push(problem),
            }
        }
        if !options.allow_extra {
            problems.extend(tensors.into_iter().map(|(name, info)| Problem::Extra { name, shape: info.shape.clone() }));
        }
        if problems.is_empty() {
            Ok(weights)
        } else {
            Err(LoadError::Mismatch { path: path.into(), network: network.name.clone(), naming, problems })
        }
    }
}

/// The naming under which most parameters are in the file, and their names in it.
fn best_naming(network: &Network, params: &[Param], tensors: &BTreeMap<String, &TensorInfo>) -> (&'static str, Vec<String>) {
    let aliases = network.name.parse::<Spec>().map_or(&[][..], |spec| spec.entry().aliases);
    let renamed = aliases.iter().map(|alias| {
        let names: Vec<String> = params.iter().map(|param| (alias.rename)(&param.name)).collect();
        (alias.label, names)
    });
    let own = ("its own names", params.iter().map(|param| param.name.clone()).collect());
    let matches = |names: &[String]| names.iter().filter(|name| tensors.contains_key(*name)).count();
    renamed.fold(own, |best, other| if matches(&other.1) > matches(&best.1) { other } else { best })
}

fn tensor(data: &[u8], info: &TensorInfo, name: &str, expected: &[usize], options: LoadOptions) -> Result<Tensor, Problem> {
    if core_shape(&info.shape) != core_shape(expected) {
        return Err(Problem::Shape { name: name.into(), found: info.shape.clone(), expected: expected.to_vec() });
    }
    let bytes = &data[info.data_offsets.0..info.data_offsets.1];
    let data = match info.dtype {
        Dtype::F32 => convert(bytes, f32::from_le_bytes),
        Dtype::F16 => convert(bytes, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => convert(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        other => return Err(Problem::Type { name: name.into(), found: other.to_string() }),
    };
    let tensor = Tensor { shape: expected.to_vec(), data };
    let count = tensor.data().iter().filter(|value| !value.is_finite()).count();
    if count > 0 && !options.allow_non_finite {
        return Err(Problem::NonFinite { name: name.into(), count, of: tensor.data().len() });
    }
    Ok(tensor)
}

/// `[n, c]` of `[n, c, 1, 1]`: a linear layer and a 1x1 convolution have the same weights.
fn core_shape(shape: &[usize]) -> &[usize] {
    if let [n_c @ .., 1, 1] = shape
        && n_c.len() == 2
    {
        n_c
    } else {
        shape
    }
}

fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&chunk| value(chunk)).collect()
}
