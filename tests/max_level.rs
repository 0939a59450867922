//! `SARTOR_MAX_LEVEL` decides which level of a compiled program runs.

use std::process::Command;

use sartor::Tunings;
use sartor::data::npy;
use sartor::kernels::report;
use sartor::models::{Builder, Conv2d, Op, Shape, Window};
use sartor::{CompileOptions, Level, Weights, compile};

#[test]
fn the_cap_selects_each_level() {
    let mut builder = Builder::new("capped", Shape::new(3, 4, 4)).unwrap();
    let conv = Conv2d { oc: 8, groups: 1, bias: true, window: Window::POINT };
    let input = builder.input();
    let last = builder.add("conv", Op::Conv2d(conv), &[input]).unwrap();
    let network = builder.finish(&[last]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let options = CompileOptions { threads: 1, tunings: Tunings::none(), ..CompileOptions::default() };
    let program = compile(&network, &Weights::random(&network, 1), &options, &dir.path().join("capped")).unwrap().artifact;
    let image = dir.path().join("image.npy");
    npy::write(&image, &[1, 3, 4, 4], &[0.5; 48]).unwrap();
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        let ended = Command::new(&program).arg(&image).env("SARTOR_MAX_LEVEL", level.name()).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(said.contains(&format!("level {level},")), "capped at {level}: {said}");
        report::checked(level.name(), 1, "SARTOR_MAX_LEVEL selects it");
    }
    let ended = Command::new(&program).arg(&image).env("SARTOR_MAX_LEVEL", "fastest").output().unwrap();
    assert!(!ended.status.success() && String::from_utf8_lossy(&ended.stderr).contains("fastest"), "{ended:?}");
}
