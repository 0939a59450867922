//! The inputs and outputs of a file, and how the network's maps lie in them.

use super::error::ImportError;
use super::options::ImportOptions;
use super::read::Onnx;
use super::view::{MapAxis, View};
use crate::escape::line;
use crate::graph::{MAX_ELEMENTS, Shape};
use crate::proto;

/// The file's inputs and outputs. The network takes and gives the same values as maps in NCHW. It has one input, which holds the file's
/// inputs one after another, as its outputs follow one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The inputs.
    pub inputs: Vec<Port>,
    /// The outputs.
    pub outputs: Vec<Port>,
}

/// An input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in the file.
    pub name: String,
    /// Its map in the network.
    pub shape: Shape,
    pub(super) view: View,
}

impl Port {
    /// The port of a tensor that lies as its map does: a batch of one, and the map's dimensions.
    pub(super) fn usual(name: String, shape: Shape) -> Self {
        Self { name, shape, view: View::usual(shape, 4) }
    }

    /// The tensor's dimensions, for one image.
    pub fn dims(&self) -> Vec<usize> {
        self.view.sizes()
    }

    /// Whether the map's elements, in NCHW, are the tensor's, in its order.
    pub fn is_in_order(&self) -> bool {
        let len = self.shape.len();
        self.view.reshaped(&[len]) == View::usual(self.shape, 4).reshaped(&[len])
    }

    /// For each element of the map, in NCHW, its place in the tensor.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        let Shape { c, h, w } = self.shape;
        let view = self.view.clone();
        let dims = view.sizes();
        (0..c * h * w).map(move |i| {
            let indices = view.indices([i / (h * w), i / w % h, i % w]);
            indices.iter().zip(&dims).fold(0, |at, (index, dim)| at * dim + index)
        })
    }

    /// The map of a tensor's elements.
    pub fn map_of(&self, tensor: &[f32]) -> Vec<f32> {
        self.places().map(|place| tensor[place]).collect()
    }

    /// The elements of the tensor that lie in a map.
    pub fn tensor_of(&self, map: &[f32]) -> Vec<f32> {
        let mut tensor = vec![0.0; map.len()];
        self.places().zip(map).for_each(|(place, &value)| tensor[place] = value);
        tensor
    }
}

/// An input that the file declares, for one image.
pub(super) struct Declared {
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub dims: Vec<usize>,
}

/// The file's inputs, and how many images it declares for a batch of a fixed size. Initializers that are listed as inputs are none.
pub(super) fn inputs(file: &Onnx, options: &ImportOptions) -> Result<(Vec<Declared>, usize), ImportError> {
    let known =
        |info: &&proto::ValueInfo| !file.initializers.contains_key(info.name()) && !file.missing.contains_key(info.name());
    let inputs: Vec<&proto::ValueInfo> = file.graph.input.iter().filter(known).collect();
    if let Some(name) = options.input_shapes.keys().find(|name| !inputs.iter().any(|input| input.name() == name.as_str())) {
        let names: Vec<String> = inputs.iter().map(|input| line(input.name()).to_string()).collect();
        let message = format!("'{}' has no input '{}'; it has {}", crate::escape::path(&file.path), line(name), names.join(", "));
        return Err(ImportError::Option(message));
    }
    let format = |reason: String| ImportError::Format { path: file.path.clone(), reason };
    if inputs.is_empty() {
        return Err(format("it has no inputs, and a network of at least one is needed".into()));
    }
    let mut all: Vec<Declared> = Vec::new();
    let mut batches = Vec::new();
    for input in inputs {
        let name = input.name().to_owned();
        if all.iter().any(|other| other.name == name) {
            return Err(format(format!("it has two inputs '{}'", line(&name))));
        }
        let dims = match options.input_shapes.get(&name) {
            Some(dims) => dims.clone(),
            None => declared(file, input)?,
        };
        if dims.contains(&0) {
            let path = crate::escape::path(&file.path);
            let message = format!("'{path}': input '{}' has no elements at dimensions {dims:?}, and must have some", line(&name));
            return Err(ImportError::Option(message));
        }
        let (dims, batch) = pinned(dims, is_batch(&file.graph, &name));
        let elements = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).filter(|&n| n <= MAX_ELEMENTS);
        if elements.is_none() {
            return Err(format(format!("input '{}' has dimensions {dims:?}, more elements than 2^30", line(&name))));
        }
        batches.push(batch);
        all.push(Declared { name, dims });
    }
    if batches.iter().any(|batch| *batch != batches[0]) {
        return Err(format(format!("its inputs have batches of {batches:?} images, and must have the same; use --input-shape")));
    }
    Ok((all, batches[0]))
}

/// The dimensions of an input that are in the file.
fn declared(file: &Onnx, input: &proto::ValueInfo) -> Result<Vec<usize>, ImportError> {
    let name = input.name();
    let tensor = input.tensor();
    let kind = tensor.map_or(0, proto::TensorType::elem_type);
    if !proto::is_float(kind) {
        return Err(ImportError::Option(format!(
            "'{}': input '{}' has elements of type {kind}, and must have floats; make it a constant before the network is exported",
            crate::escape::path(&file.path),
            line(name)
        )));
    }
    let dims = tensor.and_then(|tensor| tensor.shape.as_ref()).map(|shape| &shape.dim[..]).unwrap_or_default();
    let sizes = sizes(dims);
    if let Some(i) = sizes.iter().position(Option::is_none) {
        let symbol = dims[i].dim_param.as_deref().filter(|symbol| !symbol.is_empty()).unwrap_or("unknown");
        let (path, name) = (crate::escape::path(&file.path), line(name));
        return Err(ImportError::Option(format!(
            "'{path}': dimension {i} of input '{name}' is '{}', not a number; give the input's dimensions by --input-shape '{name}={}'",
            line(symbol),
            example(&sizes)
        )));
    }
    let sizes = sizes.into_iter().flatten().collect();
    Ok(sizes)
}

/// The sizes of dimensions that have one. The first, which is the batch, is 1 where it has none: it is a parameter of compiling.
pub(super) fn sizes(dims: &[proto::Dimension]) -> Vec<Option<usize>> {
    let size = |dim: &proto::Dimension| dim.dim_value.and_then(|value| usize::try_from(value).ok()).filter(|&value| value > 0);
    dims.iter().enumerate().map(|(i, dim)| size(dim).or((i == 0).then_some(1))).collect()
}

/// Dimensions as the option takes them, with words for those that are open.
fn example(sizes: &[Option<usize>]) -> String {
    const WORDS: [&[&str]; 3] = [&["LENGTH"], &["HEIGHT", "WIDTH"], &["CHANNELS", "HEIGHT", "WIDTH"]];
    let open = sizes.iter().filter(|size| size.is_none()).count();
    let mut words = WORDS.get(open.saturating_sub(1)).copied().unwrap_or_default().iter();
    let size = |size: &Option<usize>| match size {
        Some(size) => size.to_string(),
        None => (*words.next().unwrap_or(&"LENGTH")).to_owned(),
    };
    sizes.iter().map(size).collect::<Vec<String>>().join(",")
}

/// The dimensions for one image, and the number of images: the batch of a tensor of images is a parameter of compiling.
fn pinned(mut dims: Vec<usize>, is_batch: bool) -> (Vec<usize>, usize) {
    let batch = if dims.len() >= 4 || (is_batch && dims.len() > 1) { std::mem::replace(&mut dims[0], 1) } else { 1 };
    (dims, batch)
}

/// Whether the first dimension of the input is a batch, because an operator reads it for which it is one.
fn is_batch(graph: &proto::Graph, input: &str) -> bool {
    const OPERATORS: [&str; 10] = [
        "Conv",
        "ConvTranspose",
        "Gemm",
        "BatchNormalization",
        "InstanceNormalization",
        "MaxPool",
        "AveragePool",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "LRN",
    ];
    graph.node.iter().any(|node| node.input.first().is_some_and(|name| name == input) && OPERATORS.contains(&node.op_type()))
}

/// The map that holds an input of these dimensions; `None` if more than three of them are longer than one. With `channels_last`,
/// the last dimension becomes the channels.
pub(super) fn map_of(dims: &[usize], channels_last: bool) -> Option<(Shape, View)> {
    let mut axes: Vec<Option<MapAxis>> = vec![None; dims.len()];
    let mut order =
        if channels_last { vec![MapAxis::H, MapAxis::W, MapAxis::C] } else { vec![MapAxis::C, MapAxis::H, MapAxis::W] };
    match dims.len() {
        // A batch comes first.
        4 if dims[0] == 1 => (0..3).for_each(|i| axes[i + 1] = Some(order[i])),
        3 if dims[0] == 1 => [MapAxis::C, MapAxis::W].into_iter().enumerate().for_each(|(i, axis)| axes[i + 1] = Some(axis)),
        2 if dims[0] == 1 => axes[1] = Some(MapAxis::C),
        _ => {
            for (i, _) in dims.iter().enumerate().filter(|&(_, &dim)| dim > 1) {
                axes[i] = Some(if order.is_empty() { return None } else { order.remove(0) });
            }
        }
    }
    let length = |axis: MapAxis| axes.iter().position(|&other| other == Some(axis)).map_or(1, |i| dims[i]);
    let shape = Shape::new(length(MapAxis::C), length(MapAxis::H), length(MapAxis::W));
    Some((shape, View::of_axes(shape, &axes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_in_another_order_come_back() {
        let (shape, view) = map_of(&[1, 2, 3, 4], true).unwrap();
        assert_eq!(shape, Shape::new(4, 2, 3));
        let port = Port { name: "x".into(), shape, view };
        assert!(!port.is_in_order());
        let tensor: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let map = port.map_of(&tensor);
        assert_eq!(map[..3], [0.0, 4.0, 8.0]);
        assert_eq!(port.tensor_of(&map), tensor);
        let (shape, view) = map_of(&[1, 4, 2, 3], false).unwrap();
        assert!(Port { name: "x".into(), shape, view }.is_in_order());
        assert_eq!(map_of(&[2, 3, 4, 5], false), None);
    }
}
