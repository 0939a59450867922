//! Tensors in the order of a file, or as maps in NCHW.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use sartor::Network;
use sartor::data::npy;
use sartor::data::npy::Elements;
use sartor::models::escape;
use sartor::models::import::Port;

use crate::cli::failure::Failure;

/// Reads a tensor with the dimensions and in the order of a file's input. The first dimension may be any number of images.
pub fn from_file_order(port: &Port, path: &Path, taken: &[Elements]) -> Result<(usize, Vec<f32>), Failure> {
    let (shape, values) = npy::read_as(path, taken)?;
    let dims = port.dims();
    let batch = match &shape[..] {
        all if all == dims => 1,
        [n, rest @ ..] if *n > 0 && dims.first() == Some(&1) && rest == &dims[1..] => *n,
        all if dims.first() == Some(&1) && all == &dims[1..] => 1,
        _ => {
            let message =
                format!("{} has shape {shape:?}, but input '{}' has {dims:?}", escape::path(path), escape::line(&port.name));
            return Err(Failure::new(message).help("reshape the array, or give the network its dimensions by --input-shape"));
        }
    };
    Ok((batch, values.chunks_exact(port.shape.len()).flat_map(|tensor| port.map_of(tensor)).collect()))
}

/// The inputs of a file: the number of images, and for each image its inputs one after another. With several inputs, each path
/// begins with `NAME=`.
pub fn inputs(ports: &[Port], paths: &[PathBuf], taken: &[Elements]) -> Result<(usize, Vec<f32>), Failure> {
    let named = |port: &Port, path: &Path| path.to_str()?.strip_prefix(port.name.as_str())?.strip_prefix('=').map(PathBuf::from);
    if let [port] = ports {
        let path = only(paths)?;
        let path = named(port, path).filter(|_| !path.exists()).unwrap_or_else(|| path.into());
        return from_file_order(port, &path, taken);
    }
    let names = || ports.iter().map(|port| format!("'{}'", escape::line(&port.name))).collect::<Vec<_>>().join(", ");
    let mut maps: Vec<Option<(usize, Vec<f32>)>> = vec![None; ports.len()];
    for path in paths {
        // The longest name counts: one name may begin with another and a sign of equality.
        let found = ports.iter().enumerate().filter_map(|(index, port)| Some((index, port, named(port, path)?)));
        let Some((index, port, file)) = found.max_by_key(|(_, port, _)| port.name.len()) else {
            let message = format!("--input {} names none of the inputs {}", escape::path(path), names());
            return Err(Failure::new(message).help("write --input NAME=F.npy, once for each"));
        };
        if maps[index].replace(from_file_order(port, &file, taken)?).is_some() {
            return Err(Failure::new(format!("input '{}' is given twice", escape::line(&port.name))));
        }
    }
    let missing = maps.iter().position(Option::is_none);
    let Some(maps) = maps.into_iter().collect::<Option<Vec<_>>>() else {
        let name = missing.map_or("", |index| &ports[index].name);
        let message = format!("input '{}' is missing; the network has {}", escape::line(name), names());
        return Err(Failure::new(message).help("write --input NAME=F.npy, once for each"));
    };
    let batch = maps[0].0;
    if let Some((other, _)) = maps.iter().find(|(images, _)| *images != batch) {
        return Err(Failure::new(format!("the inputs have {batch} and {other} images, and must have the same number")));
    }
    let image = |i: usize| {
        ports.iter().zip(&maps).flat_map(move |(port, (_, values))| &values[i * port.shape.len()..(i + 1) * port.shape.len()])
    };
    Ok((batch, (0..batch).flat_map(image).copied().collect()))
}

/// The path, if it is the only one.
pub fn only(paths: &[PathBuf]) -> Result<&Path, Failure> {
    match paths {
        [path] => Ok(path),
        _ => Err(Failure::new(format!("the network has one input, and --input is given {} times", paths.len()))),
    }
}

/// An output with the dimensions and in the order of the file.
pub fn as_in_file<'a>(port: &Port, batch: usize, maps: &'a [f32]) -> (Vec<usize>, Cow<'a, [f32]>) {
    let mut dims = port.dims();
    match dims.first_mut() {
        Some(first) if *first == 1 => *first = batch,
        _ if batch > 1 => dims.insert(0, batch),
        _ => {}
    }
    if port.is_in_order() {
        return (dims, maps.into());
    }
    (dims, maps.chunks_exact(port.shape.len()).flat_map(|map| port.tensor_of(map)).collect())
}

/// Reads a tensor of maps in NCHW: the number of images and the values.
pub fn maps(network: &Network, path: &Path, taken: &[Elements]) -> Result<(usize, Vec<f32>), Failure> {
    let (shape, values) = npy::read_as(path, taken)?;
    let needed = network.input_shape();
    let image = [needed.c, needed.h, needed.w];
    match &shape[..] {
        [n, rest @ ..] if rest == image && *n > 0 => Ok((*n, values)),
        all if all == image => Ok((1, values)),
        _ => {
            let message = format!(
                "{} has shape {shape:?}, but {} takes [N, {}, {}, {}]",
                escape::path(path),
                network.name,
                needed.c,
                needed.h,
                needed.w
            );
            Err(Failure::new(message).help("reshape the array, or give the network the array's resolution: NETWORK@HxW"))
        }
    }
}
