//! Every committed input, judged without libFuzzer.

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

#[test]
fn graph() {
    let compared = AtomicUsize::new(0);
    replay("graph", |data| {
        compared.fetch_add(usize::from(sartor_fuzz::graph::judge(data)), Ordering::Relaxed);
    });
    let compared = compared.into_inner();
    println!("{compared} graphs compared");
    assert!(compared >= 8);
}
