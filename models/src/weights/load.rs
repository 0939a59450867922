//! Reads safetensors files, in any known naming of the network's parameters.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, SafeTensorError, SafeTensors, TensorInfo};

use super::file_kind::{self, FileKind};
use super::list::list;
use super::naming::{Naming, fitting};
use super::problem::{Problem, core_shape};
use super::tensors::{Tensor, Weights};
use super::{classes, header, values};
use crate::escape::{self, line};
use crate::graph::Network;

/// What [`Weights::load`] accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Accept values that are NaN or infinite, or become so when batch norms are folded into the weights before them; see
    /// [`Weights::with_non_finite_allowed`].
    pub allow_non_finite: bool,
    /// Ignore tensors that the network does not have, such as a classifier's if the network has no head. They are still an error
    /// if another network of the zoo has all of them.
    pub allow_extra: bool,
    /// Accept the file even if another network has parameters with the same names and shapes: the caller knows that it is for
    /// this network. timm's `efficientnet_b0` and `tf_efficientnet_b0`, for example, differ only in padding and epsilon.
    pub variant_known: bool,
}

/// Weights, and how their file names them.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The weights, in the network's own names.
    pub weights: Weights,
    /// Whose names the file uses.
    pub naming: &'static str,
    /// The prefix of all names in the file, such as `module.`; empty for most files.
    pub prefix: String,
}

/// The file cannot be read as weights.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be opened or read.
    #[error("cannot read '{}': {reason}", escape::path(.path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The file is of another kind.
    #[error("'{}' is {}, not a safetensors file: {}", escape::path(.path), .kind.name(), .kind.help(.path))]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// The header is not a safetensors header, or does not fit the file's length.
    #[error("'{}' is damaged, truncated or not a safetensors file ({bytes} bytes were read): {}", escape::path(.path), line(&.reason.to_string()))]
    Format {
        /// The file.
        path: PathBuf,
        /// How many bytes of it were read: all, if it is a regular file or begins like a safetensors file.
        bytes: usize,
        /// What is wrong with its header.
        reason: SafeTensorError,
    },
    /// The header has a name twice. Readers disagree on which of the two tensors it means.
    #[error("'{}' is damaged: its header has '{}' twice; save the file again", escape::path(.path), line(.name))]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Two networks have these names and shapes, and [`LoadOptions::variant_known`] is not set.
    #[error(
        "'{}' has {naming}, which fit two networks: timm's {network} and tf_{network} have the same tensors, but pad \
         differently, and their batch norms have epsilons of 1e-5 and 1e-3. If timm's name of the model begins with tf_, use \
         `--variant tf`, else `--variant torch` (in Rust, build that variant and set LoadOptions::variant_known)",
        escape::path(.path)
    )]
    Variant {
        /// The file.
        path: PathBuf,
        /// The network.
        network: String,
        /// Whose names it uses.
        naming: &'static str,
    },
    /// The tensors are not the network's.
    #[error(
        "'{}' does not fit network '{}' ({naming}):{}{}{}",
        escape::path(.path), line(.network), list(.problems), classes::help(*.classes), hint(.other)
    )]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The network.
        network: String,
        /// The naming that fits the file best.
        naming: &'static str,
        /// All that is wrong.
        problems: Vec<Problem>,
        /// The number of classes of the file's weights, if nothing else is wrong.
        classes: Option<usize>,
        /// The network of the zoo that the file fits, if there is one.
        other: Option<String>,
    },
}

fn hint(other: &Option<String>) -> String {
    other.as_ref().map_or(String::new(), |other| format!("\nthese are the weights of network '{other}'"))
}

impl Weights {
    /// Reads the network's parameters from a safetensors file; see [`Loaded::parse`].
    ///
    /// # Errors
    /// As [`Loaded::load`].
    pub fn load(path: impl AsRef<Path>, network: &Network, options: LoadOptions) -> Result<Self, LoadError> {
        Ok(Loaded::load(path, network, options)?.weights)
    }

    /// Reads the network's parameters from the bytes of a safetensors file, which errors call `path`; see [`Loaded::parse`].
    ///
    /// # Errors
    /// As [`Loaded::parse`].
    pub fn parse(bytes: &[u8], path: &Path, network: &Network, options: LoadOptions) -> Result<Self, LoadError> {
        Ok(Loaded::parse(bytes, path, network, options)?.weights)
    }
}

impl Loaded {
    /// Reads the network's parameters from a safetensors file; see [`parse`](Self::parse).
    ///
    /// The whole file is read once. It is not mapped into memory: so the weights stay the same if the file changes later, and a
    /// file that is truncated while it is read causes an error instead of a signal.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and if the file cannot be read.
    pub fn load(path: impl AsRef<Path>, network: &Network, options: LoadOptions) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let bytes = read(path)?;
        Self::parse(&bytes, path, network, options)
    }

    /// Reads the network's parameters from the bytes of a safetensors file, which errors call `path`.
    ///
    /// The file may use the network's own names or another known naming of its family. All names may have a prefix that training
    /// adds (`module.`, `model.`, `_orig_mod.`, `state_dict.`, or several of them). The naming and prefix that match most tensors
    /// are used. `num_batches_tracked` is ignored. A shape of `[n, c]` counts as `[n, c, 1, 1]`, and the reverse. f16 and bf16
    /// are converted to f32.
    ///
    /// # Errors
    /// If the file is of another kind or damaged; if tensors are missing, not the network's, or have a wrong shape or type, or
    /// values are not finite before or after folding (the error names all of them); or if the file fits two networks.
    pub fn parse(bytes: &[u8], path: &Path, network: &Network, options: LoadOptions) -> Result<Self, LoadError> {
        let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|reason| match FileKind::of(bytes) {
            Some(kind) => LoadError::Kind { path: path.into(), kind },
            None => LoadError::Format { path: path.into(), bytes: bytes.len(), reason },
        })?;
        if let Some(name) = header::duplicate(&bytes[size_of::<u64>()..][..header]) {
            return Err(LoadError::Duplicate { path: path.into(), name });
        }
        let mut tensors = tensors_of(&metadata);

        let params = network.params();
        let Naming { label, shared, prefix, names } = Naming::best(&network.name, &params, &tensors);
        // This tries every network of the zoo, so it is called only if something is wrong.
        let other = || fitting(network, &tensors_of(&metadata));
        if shared && !options.variant_known && other().is_none() {
            return Err(LoadError::Variant { path: path.into(), network: network.name.clone(), naming: label });
        }
        let own_names = params.iter().map(|param| param.name.clone());
        let in_file: BTreeMap<String, String> = own_names.zip(names.iter().cloned()).collect();
        let mut weights = Weights::default();
        weights.allow_non_finite(options.allow_non_finite);
        let mut problems = Vec::new();
        let data = &bytes[size_of::<u64>() + header..];
        for (param, name) in params.into_iter().zip(names) {
            let Some(info) = tensors.remove(&name) else {
                problems.push(Problem::Missing { name, shape: param.shape });
                continue;
            };
            match tensor(data, info, &name, &param.shape) {
                Ok(tensor) => weights.insert(param.name, tensor),
                Err(problem) => problems.push(problem),
            }
        }
        if !options.allow_non_finite {
            let nodes: Vec<_> = network.ids().collect();
            problems.extend(values::problems(&weights, network, &nodes, |own| in_file[own].clone()));
        }
        // A deeper network may have all tensors of this one and more. Its other tensors are not ignored.
        if !options.allow_extra || (!tensors.is_empty() && other().is_some()) {
            problems.extend(tensors.into_iter().map(|(name, info)| Problem::Extra { name, shape: info.shape.clone() }));
        }
        if problems.is_empty() {
            Ok(Self { weights, naming: label, prefix })
        } else {
            let classes = classes::found(network, &problems);
            let (path, network) = (path.into(), network.name.clone());
            Err(LoadError::Mismatch { path, network, naming: label, problems, classes, other: other() })
        }
    }
}

/// All tensors that may be parameters.
fn tensors_of(metadata: &Metadata) -> BTreeMap<String, &TensorInfo> {
    metadata.tensors().into_iter().filter(|(name, _)| name.rsplit('.').next() != Some("num_batches_tracked")).collect()
}

/// The bytes of a file. If it is of another kind or endless, only its first bytes.
fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let io = |reason| LoadError::Io { path: path.into(), reason };
    let mut file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if metadata.is_dir() {
        return Err(LoadError::Kind { path: path.into(), kind: FileKind::Folder });
    }
    let mut bytes = Vec::new();
    file.by_ref().take(file_kind::HEAD as u64).read_to_end(&mut bytes).map_err(io)?;
    if file_kind::begins_safetensors(&bytes) || (metadata.is_file() && FileKind::of(&bytes).is_none()) {
        file.read_to_end(&mut bytes).map_err(io)?;
    }
    Ok(bytes)
}

fn tensor(data: &[u8], info: &TensorInfo, name: &str, expected: &[usize]) -> Result<Tensor, Problem> {
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
    Ok(Tensor::new(expected.to_vec(), data))
}

fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&chunk| value(chunk)).collect()
}
