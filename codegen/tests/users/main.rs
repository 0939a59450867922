//! Generated crates in the hands of those who write programs around them: no safe program can cause undefined behaviour, and any
//! number of crates live in one program.

mod hostile;
mod linked;
mod pool;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sartor_codegen::compile::{Kind, generate};
use sartor_kernels::runtime::Level;
use sartor_models::{Activation, Builder, Conv2d, Network, Op, Reduction, Shape, Weights, Window};

/// A convolution and a classifier, with maps that cross stages.
fn golden() -> Network {
    let mut net = Builder::new("golden", Shape::new(3, 4, 4)).unwrap();
    let conv = Conv2d { oc: 5, groups: 1, bias: true, window: Window::square(3, 2, 1) };
    let stem = net.add("stem", Op::Conv2d(conv), &[net.input()]).unwrap();
    let act = net.add("act", Op::Activation(Activation::Silu), &[stem]).unwrap();
    let mean = net.add("pool", Op::Reduce(Reduction::Mean), &[act]).unwrap();
    let fc = net.add("fc", Op::Linear { out: 4, bias: true }, &[mean]).unwrap();
    net.finish(&[fc]).unwrap()
}

/// The network's crate for the portable level: see [`build_for`].
fn build(network: &Network, seed: u64, kind: Kind, package: &str, dir: &Path) -> PathBuf {
    build_for(network, seed, &[Level::Portable], kind, package, dir)
}

/// Writes the network's crate for these levels and builds it with rustc alone, as a package of this name. Returns what it built.
fn build_for(network: &Network, seed: u64, levels: &[Level], kind: Kind, package: &str, dir: &Path) -> PathBuf {
    let dir = dir.join(package);
    for (path, bytes) in generate(network, &Weights::random(network, seed), levels, 1, kind).unwrap().files {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let (crate_type, file) = if kind == Kind::Dylib { ("cdylib", "library.so") } else { ("rlib", "liblibrary.rlib") };
    let library = dir.join(file);
    let mut rustc = Command::new("rustc");
    // Without bitcode, as Cargo builds it: tools would read that in place of the code.
    rustc
        .args("--edition 2024 -O -C codegen-units=1 -C embed-bitcode=no -D warnings".split(' '))
        .args(["--crate-type", crate_type]);
    // As Cargo tells packages apart.
    rustc.args(["--crate-name", &network.name, "-C", &format!("metadata={package}"), "-o"]).arg(&library);
    stdout(&rustc.arg(dir.join("src/lib.rs")).output().unwrap());
    library
}

/// What a command that must succeed has printed.
fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
