//! A whole program, with its runtime and threads, under a tool.

use std::path::Path;

use sartor::codegen::compile::{Kind, generate};
use sartor::codegen::interpret;
use sartor::codegen::network::normalize::normalize;
use sartor::codegen::network::pack::pack;
use sartor::data::npy;
use sartor::kernels::report;
use sartor::models::zoo::Spec;
use sartor::{Level, Weights};

use crate::run::{Runner, Tool, write_files};

/// More than threads: two of them are computed apart, and one together.
const IMAGES: usize = 3;

/// Builds `rexnet_digits` for one level and runs it on one thread and on two: the interpreter's bits.
pub fn holds(tool: Tool, level: Level) {
    let network = "rexnet_digits".parse::<Spec>().unwrap().build().unwrap();
    let weights = Weights::random(&network, 1);
    let generated = generate(&network, &weights, &[level], IMAGES, Kind::Bin).unwrap();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("program-{}-{level}", tool.name()));
    write_files(&generated.files, &dir);
    let runner = Runner::build(tool, &dir);
    let plan = &generated.plans[0];
    let input: Vec<f32> = (0..IMAGES * plan.lengths.input).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    let packed = pack(&normalize(&network, &weights).unwrap());
    // One output: it has the images one after another.
    let images = input.chunks_exact(plan.lengths.input);
    let wanted: Vec<f32> = images.flat_map(|image| interpret::plan(plan, &packed.data, image, 1).1).collect();
    let shape = network.input_shape();
    npy::write(&dir.join("input.npy"), &[IMAGES, shape.c, shape.h, shape.w], &input).unwrap();
    for threads in ["1", "2"] {
        let args = ["input.npy", "--level", level.name(), "--threads", threads, "--output", "output.npy"];
        let ended = runner.run(&args);
        assert!(
            ended.status.success(),
            "{level}, {threads} threads: {}\n{}",
            ended.status,
            String::from_utf8_lossy(&ended.stderr)
        );
        let (_, found) = npy::read(&dir.join("output.npy")).unwrap();
        assert_eq!(found.len(), wanted.len());
        assert!(found.iter().zip(&wanted).all(|(a, b)| a.to_bits() == b.to_bits()), "{level}, {threads} threads: other bits");
    }
    report::checked(level.name(), 2, &format!("a program and its threads {}", runner.name()));
}
