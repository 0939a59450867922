//! Judges every committed input without libFuzzer.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

fn replay(target: &str, judge: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        judge(&fs::read(path).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", folder.display());
}

#[test]
fn kernel_name() {
    replay("kernel_name", sartor_fuzz::kernel_name::judge);
}

#[test]
fn zoo_spec() {
    replay("zoo_spec", sartor_fuzz::zoo_spec::judge);
}

#[test]
fn safetensors() {
    replay("safetensors", sartor_fuzz::safetensors::judge);
}

/// Replays inputs. At least `least` of them must be valid and compared.
fn replay_and_count(target: &str, judge: fn(&[u8]) -> bool, least: usize) {
    let taken = AtomicUsize::new(0);
    replay(target, |data| {
        taken.fetch_add(usize::from(judge(data)), Ordering::Relaxed);
    });
    let taken = taken.into_inner();
    println!("{taken} inputs were compared");
    assert!(taken >= least);
}

#[test]
fn graph() {
    replay_and_count("graph", sartor_fuzz::graph::judge, 8);
}

#[test]
fn onnx() {
    replay_and_count("onnx", sartor_fuzz::onnx::judge_bytes, 4);
}

#[test]
fn onnx_graph() {
    replay_and_count("onnx_graph", sartor_fuzz::onnx::judge_grown, 4);
}

#[test]
fn names() {
    replay_and_count("names", sartor_fuzz::names::judge, 12);
}

#[test]
fn problem() {
    replay_and_count("problem", sartor_fuzz::problem::judge, 12);
}

#[test]
fn npy() {
    replay_and_count("npy", sartor_fuzz::npy::judge, 5);
}

#[test]
fn image() {
    replay_and_count("image", sartor_fuzz::image::judge, 12);
}
