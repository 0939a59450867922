//! Tensors in the order of a file, or as maps in NCHW.

use std::borrow::Cow;
use std::path::Path;

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
