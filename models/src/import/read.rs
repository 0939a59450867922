//! Reads an ONNX file, and the files beside it that hold its weights.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use prost::Message;

use super::constant::Constant;
use super::error::ImportError;
use super::wire;
use crate::escape::line;
use crate::proto;

/// The largest file that is read, in bytes: what a protobuf message may have.
const MAX_BYTES: u64 = i32::MAX as u64;
/// The largest number of nodes.
const MAX_NODES: usize = 100_000;
/// Versions of ONNX's operators that are read.
pub const OPSETS: std::ops::RangeInclusive<i64> = 6..=28;

/// A file as it was read.
pub struct Onnx {
    /// The file.
    pub path: PathBuf,
    /// The version of ONNX's own operators.
    pub opset: i64,
    /// The graph, without its initializers.
    pub graph: proto::Graph,
    /// The initializers.
    pub initializers: HashMap<String, Constant>,
    /// The types of the elements of initializers and of nodes that are constants: constants of integers are widened.
    pub types: HashMap<String, i32>,
    /// Initializers whose external files are missing, with their dimensions.
    pub missing: HashMap<String, Vec<usize>>,
}

/// Reads a file.
///
/// # Errors
/// If it cannot be read, is no ONNX file, is damaged or too large, has opsets that are not supported, or refers to files outside its folder.
pub fn read(path: &Path) -> Result<Onnx, ImportError> {
    let bytes = bytes(path, MAX_BYTES)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(path, &bytes, Some(folder))
}

/// Reads the bytes of a file. External weights are looked for in `folder`.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, bytes: &[u8], folder: Option<&Path>) -> Result<Onnx, ImportError> {
    let format = |reason: String| ImportError::Format { path: path.into(), reason };
    wire::check(bytes).map_err(format)?;
    let model = proto::Model::decode(bytes).map_err(|e| format(format!("{e}; export the network again")))?;
    let opset = opset(&model).map_err(format)?;
    let mut graph = model.graph.ok_or_else(|| format("it has no graph; export the network again".into()))?;
    let nodes = nodes(&graph);
    if nodes > MAX_NODES {
        return Err(format(format!("it has {nodes} nodes, and at most {MAX_NODES} are read")));
    }
    let mut outside = Outside { folder, files: HashMap::new() };
    let (mut initializers, mut missing, mut types) = (HashMap::new(), HashMap::new(), HashMap::new());
    for tensor in std::mem::take(&mut graph.initializer) {
        let name = tensor.name().to_owned();
        types.insert(name.clone(), tensor.data_type());
        let fault = |reason: String| format(format!("tensor '{}': {reason}", line(&name)));
        match outside.constant(&tensor) {
            Ok(Some(constant)) => drop(initializers.insert(name, constant)),
            Ok(None) => {
                let dims = tensor.dims.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
                missing.insert(name, dims);
            }
            Err(Fault::Reason(reason)) => return Err(fault(reason)),
            Err(Fault::File(path, source)) => return Err(ImportError::File { path, source }),
        }
    }
    attributes(&graph, &mut types).map_err(format)?;
    Ok(Onnx { path: path.into(), opset, graph, initializers, types, missing })
}

/// Notes the types of constants that are attributes of nodes, also in the graphs inside. Refuses those that lie in other files, and sparse tensors.
fn attributes(graph: &proto::Graph, types: &mut HashMap<String, i32>) -> Result<(), String> {
    if let Some(tensor) = graph.sparse_initializer.first() {
        let name = tensor.values.as_ref().map_or("", |values| values.name());
        return Err(format!("tensor '{}' is sparse, which is not read; save the model with dense tensors", line(name)));
    }
    for (node, attribute) in graph.node.iter().flat_map(|node| node.attribute.iter().map(move |attribute| (node, attribute))) {
        if attribute.t.as_ref().is_some_and(|tensor| tensor.data_location() == proto::Tensor::EXTERNAL) {
            return Err(format!(
                "the tensor in node '{}' lies in another file, which is read for initializers only; save the model with its constants inside",
                line(node.name.as_deref().unwrap_or(""))
            ));
        }
        if let (Some(tensor), [output]) = (&attribute.t, &node.output[..]) {
            types.insert(output.clone(), tensor.data_type());
        }
        if let Some(inside) = &attribute.g {
            attributes(inside, types)?;
        }
    }
    Ok(())
}

/// The nodes of a graph and of those inside.
fn nodes(graph: &proto::Graph) -> usize {
    let inside = graph.node.iter().flat_map(|node| &node.attribute).filter_map(|attribute| attribute.g.as_deref());
    graph.node.len() + inside.map(nodes).sum::<usize>()
}

fn opset(model: &proto::Model) -> Result<i64, String> {
    let own = |set: &&proto::OperatorSet| matches!(set.domain(), "" | "ai.onnx");
    let version = model.opset_import.iter().find(own).map(proto::OperatorSet::version);
    let version = version.ok_or("it names no version of ONNX's operators; export the network again")?;
    if OPSETS.contains(&version) {
        return Ok(version);
    }
    let (first, last) = (OPSETS.start(), OPSETS.end());
    Err(format!("it uses version {version} of ONNX's operators, and {first} to {last} are read; export it with opset_version=17"))
}

/// The bytes of a file of at most `most` bytes.
fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, ImportError> {
    let fault = |source| ImportError::File { path: path.into(), source };
    // Opening a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(fault)?.is_file() {
        return Err(fault(io::Error::other("not a regular file")));
    }
    let file = File::open(path).map_err(fault)?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > most {
        return Err(fault(io::Error::other(format!("larger than {most} bytes"))));
    }
    Ok(bytes)
}

/// The files beside the model that hold weights.
struct Outside<'a> {
    folder: Option<&'a Path>,
    /// The files that were read; `None` for those that are missing.
    files: HashMap<PathBuf, Option<Vec<u8>>>,
}

enum Fault {
    Reason(String),
    File(PathBuf, io::Error),
}

impl Outside<'_> {
    /// The constant of a tensor; `None` if the file that holds it is missing.
    fn constant(&mut self, tensor: &proto::Tensor) -> Result<Option<Constant>, Fault> {
        if tensor.data_location() != proto::Tensor::EXTERNAL {
            return Constant::read(tensor, None).map(Some).map_err(Fault::Reason);
        }
        let entry = |key: &str| tensor.external_data.iter().find(|entry| entry.key() == key).map(proto::Entry::value);
        let number = |key: &str| {
            let read = |text: &str| text.parse::<usize>().map_err(|_| Fault::Reason(format!("its {key} is '{}'", line(text))));
            entry(key).map(read).transpose()
        };
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let location = entry("location").ok_or_else(|| Fault::Reason("it names no file for its elements".into()))?;
        let Some(file) = self.file(location)? else { return Ok(None) };
        let rest = file.get(offset..);
        let part = rest.and_then(|rest| length.map_or(Some(rest), |length| rest.get(..length)));
        let part = part.ok_or_else(|| {
            Fault::Reason(format!("'{}' has {} bytes, too few for offset {offset} and its length", line(location), file.len()))
        })?;
        Constant::read(tensor, Some(part)).map(Some).map_err(Fault::Reason)
    }

    /// The bytes of a file in the model's folder. Links are followed only as far as they stay in it.
    fn file(&mut self, location: &str) -> Result<Option<&[u8]>, Fault> {
        let relative = Path::new(location);
        let plain = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !plain || location.is_empty() {
            let help = "must be a path inside the model's folder";
            return Err(Fault::Reason(format!("the file of its elements, '{}', {help}", line(location))));
        }
        let Some(folder) = self.folder else { return Ok(None) };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let path = folder.join(relative);
        if !self.files.contains_key(&path) {
            let read = match (path.canonicalize(), folder.canonicalize()) {
                (Err(e), _) if e.kind() == io::ErrorKind::NotFound => None,
                (Err(e), _) | (_, Err(e)) => return Err(Fault::File(path, e)),
                (Ok(real), Ok(home)) if !real.starts_with(&home) => {
                    return Err(Fault::Reason(format!("'{}' leads out of the model's folder", line(location))));
                }
                (Ok(real), Ok(_)) => Some(bytes(&real, MAX_BYTES).map_err(|e| match e {
                    ImportError::File { path, source } => Fault::File(path, source),
                    other => Fault::Reason(other.to_string()),
                })?),
            };
            self.files.insert(path.clone(), read);
        }
        Ok(self.files[&path].as_deref())
    }
}
