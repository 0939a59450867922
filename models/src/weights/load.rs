//! Reading safetensors files, in any naming that the network is known by.

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

/// What [`Weights::load`] lets pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Take NaN and infinite values, also where they come from folding batch norms into the weights before them; see
    /// [`Weights::with_non_finite_allowed`].
    pub allow_non_finite: bool,
    /// Ignore tensors that the network does not have, such as the classifier's where it is built without head; not where a network
    /// of the zoo has all of them and this is another.
    pub allow_extra: bool,
    /// Take the names and shapes of a network's weights for the network's even where another one has the same: the caller knows which
    /// it is. timm's `efficientnet_b0` and `tf_efficientnet_b0` differ in nothing else than in padding and epsilon.
    pub variant_known: bool,
}

/// Weights, and how they were named in their file.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The weights, in the network's own names.
    pub weights: Weights,
    /// Whose names the file has.
    pub naming: &'static str,
    /// What it puts before all of them, such as `module.`; empty for most files.
    pub prefix: String,
}

/// A file that gives no weights.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be opened or read.
    #[error("cannot read '{}': {reason}", escape::path(.path))]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
    /// It is of another kind.
    #[error("'{}' is {}, not a safetensors file: {}", escape::path(.path), .kind.name(), .kind.help(.path))]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// The header is no safetensors header, or does not describe this many bytes.
    #[error("'{}' is damaged, truncated or no safetensors file ({bytes} bytes were read): {}", escape::path(.path), line(&.reason.to_string()))]
    Format {
        /// The file.
        path: PathBuf,
        /// How much was read of it: all, if it begins as a safetensors file or is a regular one.
        bytes: usize,
        /// What is wrong with its header.
        reason: SafeTensorError,
    },
    /// The header has a name twice: which tensor it means, readers disagree on.
    #[error("'{}' is damaged: its header has '{}' twice; save the file anew", escape::path(.path), line(.name))]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// The names and shapes are those of two networks, and [`LoadOptions::variant_known`] does not say that it is this one.
    #[error(
        "'{}' has {naming}, and the file cannot tell for which network: timm's {network} and tf_{network} have the same tensors, but pad \
         differently and have epsilons of 1e-5 and 1e-3 in their batch norms. If timm's name of the model begins with tf_, say \
         `--variant tf`, else `--variant torch` (in a program, build that variant and set LoadOptions::variant_known)",
        escape::path(.path)
    )]
    Variant {
        /// The file.
        path: PathBuf,
        /// The network.
        network: String,
        /// Whose names it has.
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
        /// The number of classes that the file is for, if that is all that is wrong.
        classes: Option<usize>,
        /// The network of the zoo that it does fit, if there is one.
        other: Option<String>,
    },
}

fn hint(other: &Option<String>) -> String {
    other.as_ref().map_or(String::new(), |other| format!("\nthese are the weights of network '{other}'"))
}

impl Weights {
    /// Reads a safetensors file and takes from it the network's parameters; see [`Loaded::parse`].
    ///
    /// # Errors
    /// As [`Loaded::load`].
    pub fn load(path: impl AsRef<Path>, network: &Network, options: LoadOptions) -> Result<Self, LoadError> {
        Ok(Loaded::load(path, network, options)?.weights)
    }

    /// Takes the network's parameters from the bytes of a safetensors file, which errors call `path`; see [`Loaded::parse`].
    ///
    /// # Errors
    /// As [`Loaded::parse`].
    pub fn parse(bytes: &[u8], path: &Path, network: &Network, options: LoadOptions) -> Result<Self, LoadError> {
        Ok(Loaded::parse(bytes, path, network, options)?.weights)
    }
}

impl Loaded {
    /// Reads a safetensors file and takes from it the network's parameters; see [`parse`](Self::parse).
    ///
    /// The file is read whole, once, and not mapped: whatever becomes of it afterwards, these values stay, and a file that is
    /// truncated while it is read is an error, where a map would end the process.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), or if the file is unreadable.
    pub fn load(path: impl AsRef<Path>, network: &Network, options: LoadOptions) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let bytes = read(path)?;
        Self::parse(&bytes, path, network, options)
    }

    /// Takes the network's parameters from the bytes of a safetensors file, which errors call `path`.
    ///
    /// The file's names may be the network's own or another known naming of its family, all behind one prefix that training puts
    /// there (`module.`, `model.`, `_orig_mod.`, `state_dict.`, or several); what matches most tensors is taken. `num_batches_tracked`
    /// is ignored, `[n, c]` stands for `[n, c, 1, 1]` and the reverse; f16 and bf16 are widened.
    ///
    /// # Errors
    /// If the file is of another kind or damaged; if it has missing, extra, ill-shaped or ill-typed tensors, or values that are not
    /// finite or not once folded, and the error names all; or if its names do not tell which of two networks it is for.
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
        // Only where something is amiss or left over: every network of the zoo is tried.
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
        // A deeper network may have all that a shallow one has, and more: that is not what may be left over.
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

/// All that may be parameters.
fn tensors_of(metadata: &Metadata) -> BTreeMap<String, &TensorInfo> {
    metadata.tensors().into_iter().filter(|(name, _)| name.rsplit('.').next() != Some("num_batches_tracked")).collect()
}

/// The bytes of a file; of one that is of another kind, or endless, no more than tells so.
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
