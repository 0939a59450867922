//! Writes the crate of a network for some levels, with random weights, and beside it an input and the answer that the
//! interpreter gives for each level: what the compiled program must print on any machine, bit for bit.
//!
//!     cargo run -p sartor-codegen --example crate -- NETWORK LEVEL[,LEVEL..] BATCH bin|lib|dylib DIR
//!
//! `DIR` gets the crate, `input.npy` and `<level>.f32`, little-endian.

use std::path::Path;
use std::process::ExitCode;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{RngCore, SeedableRng};
use sartor_codegen::compile::{Kind, generate};
use sartor_codegen::interpret;
use sartor_codegen::network::normalize::normalize;
use sartor_codegen::network::pack::pack;
use sartor_kernels::runtime::Level;
use sartor_models::{Weights, zoo};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [network, levels, batch, kind, dir] = &args[..] else {
        eprintln!("usage: crate NETWORK LEVEL[,LEVEL..] BATCH bin|lib|dylib DIR");
        return ExitCode::FAILURE;
    };
    match write(network, levels, batch, kind, Path::new(dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(network: &str, levels: &str, batch: &str, kind: &str, dir: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let network = network.parse::<zoo::Spec>()?.build()?;
    let weights = Weights::random(&network, 1);
    let levels = levels.split(',').map(str::parse).collect::<Result<Vec<Level>, _>>()?;
    let kind = match kind {
        "bin" => Kind::Bin,
        "lib" => Kind::Lib,
        "dylib" => Kind::Dylib,
        _ => return Err(format!("kind '{kind}' is unknown: use bin, lib or dylib").into()),
    };
    let images: usize = batch.parse()?;
    if network.outputs().len() != 1 {
        return Err("networks of several outputs are not supported: the answer has the images one after another".into());
    }
    let generated = generate(&network, &weights, &levels, images, kind)?;
    for (path, bytes) in &generated.files {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(dir))?;
        std::fs::write(path, bytes)?;
    }
    let packed = pack(&normalize(&network, &weights)?);
    let input: Vec<f32> = values(images * network.input_shape().len()).collect();
    let shape = network.input_shape();
    std::fs::write(dir.join("input.npy"), npy(&[images, shape.c, shape.h, shape.w], &input))?;
    for plan in &generated.plans {
        let images = input.chunks_exact(shape.len());
        let output = images.flat_map(|image| interpret::plan(plan, &packed.data, image, 1).1);
        let bytes: Vec<u8> = output.flat_map(f32::to_le_bytes).collect();
        std::fs::write(dir.join(format!("{}.f32", plan.level)), bytes)?;
    }
    Ok(())
}

/// Values in -2..2.
fn values(len: usize) -> impl Iterator<Item = f32> {
    let mut bits = Pcg32::seed_from_u64(0);
    (0..len).map(move |_| (bits.next_u32() >> 8) as f32 / (1 << 22) as f32 - 2.0)
}

/// A .npy file.
fn npy(shape: &[usize; 4], values: &[f32]) -> Vec<u8> {
    let [n, c, h, w] = shape;
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, {c}, {h}, {w}), }}");
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{header:<117}\n").bytes());
    bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}
