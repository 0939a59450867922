//! The wheel: the same bytes each time, installed into a fresh environment, and called from Python.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use predicates::prelude::*;
use sartor::kernels::report::{checked, skipped};
use sartor::models::weights::LoadOptions;
use sartor::models::zoo::Spec;
use sartor::{Level, Model, Weights};

mod common;
use common::python::{environment, has, run, tool, wheel};
use common::{Folder, TINY, fails, own_cache, sartor, tools};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The wheel of rexnet_digits.
static DIGITS: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wheel-digits");
    wheel(folder.to_str().unwrap(), &["rexnet_digits"])
});

#[test]
fn python_gets_the_bits_of_rust_with_numpy_and_without() {
    let folder = Folder::new();
    let Some(python) = environment(&folder, &[&DIGITS], "the wheel in Python") else { return };
    own_cache();
    let network = "rexnet_digits".parse::<Spec>().unwrap().build().unwrap();
    let file = Path::new(ROOT).join("examples/digits/rexnet_digits.safetensors");
    let weights = Weights::load(file, &network, LoadOptions::default()).unwrap();
    let input: Vec<f32> = (0..2 * 3 * 32 * 32).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let images = folder.file("input.f32", &bytes(&input));
    let calls = |with: &str| {
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let mut output = vec![0.0; 20];
            Model::open(&network, &weights, level).unwrap().session(1).unwrap().run(&input, &mut output).unwrap();
            let answer = folder.file("answer.f32", &bytes(&output));
            let mut command = Command::new(&python);
            command.arg(Path::new(ROOT).join("tests/python/calls.py")).args([&images, &answer]);
            let output = run(command.envs([("SARTOR_MAX_LEVEL", level.name()), ("EXPECTED_LEVEL", level.name())]));
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("all well {with}\n"));
            checked(level.name(), 1, "calls from Python");
        }
    };
    calls("without numpy");
    if has(&python, &["numpy"], "the wheel with numpy") {
        calls("with numpy");
    }
    if has(&python, &["numpy", "mypy"], "the wheel's types") {
        run(Command::new(&python).args(["-m", "mypy", "--strict"]).arg(Path::new(ROOT).join("tests/python/typed.py")));
    }
    if has(&python, &["numpy", "pillow", "pandas"], "batches of rows in Python") {
        let files = [0, 3, 4, 7, 9].map(|digit| format!("examples/digit-{digit}.png"));
        let (bad, rows) = (folder.file("bad.png", b"no picture"), folder.path("rows.jsonl"));
        sartor().args(["run", "rexnet_digits", &bad, "--top", "2", "--output", &rows]).args(&files).assert().code(2);
        let mut command = Command::new(&python);
        command.arg(Path::new(ROOT).join("tests/python/batch.py")).arg(&rows);
        assert_eq!(String::from_utf8_lossy(&run(command.current_dir(ROOT)).stdout), "all well\n");
    }
}

#[test]
fn the_tag_is_the_one_that_auditwheel_finds() {
    if let Some(mut auditwheel) = tool("auditwheel", "the wheel's tag") {
        let told = run(auditwheel.arg("show").arg(&*DIGITS));
        let tag = DIGITS.file_stem().unwrap().to_str().unwrap().rsplit('-').next().unwrap().to_owned();
        let told = String::from_utf8_lossy(&told.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(&format!("is consistent with the following platform tag: \"{tag}\"")), "{told}");
    }
}

#[test]
fn a_fresh_environment_gives_the_answers_of_pytorch() {
    let folder = Folder::new();
    let fixtures = Path::new(ROOT).join("oracle/fixtures");
    let fixture = |name: &str| fixtures.join(name).to_str().unwrap().to_owned();
    let wheels = [
        ("torchvision_mobilenet_v2", "mobilenet_v2_x0.1@64x64"),
        ("timm_rexnet", "rexnet_x0.2@64x64"),
        ("torchvision_efficientnet_b0", "efficientnet_b0_x0.15@64x64"),
    ]
    .map(|(name, network)| {
        let weights = fixture(&format!("{name}.safetensors"));
        let args = [network, "--classes", "10", "--weights", &weights, "--name", name, "--levels", "portable"];
        wheel(&folder.path(name), &args)
    });
    let Some(python) = environment(&folder, &wheels.each_ref(), "wheels beside PyTorch") else { return };
    let mut command = Command::new(python);
    let output = run(command.arg(Path::new(ROOT).join("tests/python/pytorch.py")).arg(&fixtures));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "3 networks give PyTorch's answers\n");
    checked("portable", 3, "wheels beside PyTorch");
}

#[test]
fn a_network_of_several_outputs_answers_by_name_and_in_batches() {
    let folder = Folder::new();
    let name = ["--name", "maps", "--crate-version", "1.2.0-rc.1"];
    let network = ["mobilenet_v2_x0.35@64x32", "--no-head", "--batch", "2", "--levels", "portable"];
    let wheel = wheel(&folder.path("maps"), &[&network[..], &name].concat());
    assert!(wheel.file_name().unwrap().to_str().unwrap().starts_with("maps-1.2.0rc1-py3-none-manylinux_"));
    let Some(python) = environment(&folder, &[&wheel], "a wheel of several outputs") else { return };
    let script = "import array, maps\n\
                  shapes = list(maps.OUTPUTS.values())\n\
                  assert [shape[0] for shape in shapes] == [2] * 4 and [shape[2:] for shape in shapes] == [(16, 8), (8, 4), (4, 2), (2, 1)], shapes\n\
                  answer = maps.Model()(array.array('f', [0.5]) * (4 * 3 * 64 * 32))\n\
                  assert list(answer) == list(maps.OUTPUTS)\n\
                  for name, part in answer.items():\n    \
                  assert part.shape == (4, *maps.OUTPUTS[name][1:]), part.shape\n    \
                  whole = bytes(part)\n    \
                  assert whole == whole[: len(whole) // 4] * 4 and any(whole)\n\
                  try:\n    maps.Model()(array.array('f', [0.5]) * (3 * 64 * 32))\n\
                  except ValueError as error:\n    assert '(a multiple of 2, 3, 64, 32)' in str(error), error\n\
                  else:\n    raise AssertionError\n";
    run(Command::new(python).args(["-c", script]));
}

#[test]
fn the_same_network_gives_the_same_bytes() {
    let folder = Folder::new();
    let network = [&TINY[..], &["--levels", "portable"]].concat();
    let wheels = ["a", "b"].map(|place| wheel(&folder.path(place), &network));
    assert_eq!(wheels[0].file_name(), wheels[1].file_name());
    assert!(std::fs::read(&wheels[0]).unwrap() == std::fs::read(&wheels[1]).unwrap());
}

#[test]
fn what_cannot_be_a_module_is_refused() {
    let folder = Folder::new();
    let out = folder.path("out");
    let compile = |more: &[&str], parts: &[&str]| {
        fails(&[&["compile", TINY[0], "--levels", "portable", "-o", &out][..], more].concat(), parts);
    };
    for (kind, name, rule) in [
        ("wheel", "lambda", "this word is Python's"),
        ("wheel", "json", "Python has a module of this name"),
        ("wheel", "timer", "functions of the C library"),
        ("c", "sem", "functions of the C library"),
    ] {
        compile(&["--kind", kind, "--name", name], &[&format!("'{name}' is not a valid crate name"), rule]);
    }
    compile(&["--kind", "wheel", "--crate-version", "1.0.0-nightly"], &["version '1.0.0-nightly'", "-rc.N"]);
    compile(&["--kind", "wheel", "--target", "nonsense"], &["cannot build for nonsense", "aarch64-unknown-linux-gnu"]);
    compile(&["--kind", "c", "--target", "x86_64-pc-windows-gnu"], &["cannot build for x86_64-pc-windows-gnu"]);
    compile(&["--kind", "c", "--target", "x86_64-unknown-linux-musl", "--glibc", "2.17"], &["linux-gnu"]);
    sartor()
        .args(["compile", TINY[0], "-o", &out, "--glibc", "1.0"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("use 2.17"));
    assert_eq!(folder.entries(), 0);
}

#[test]
fn another_machine_takes_its_standard_library_and_a_linker() {
    let folder = Folder::new();
    for (target, tag) in [("aarch64-unknown-linux-gnu", "manylinux"), ("x86_64-unknown-linux-musl", "musllinux_1_2_x86_64")] {
        let network = [&TINY[..], &["--levels", "portable", "--target", target]].concat();
        let out = folder.path(target);
        let args = [&["compile"], &network[..], &["--kind", "wheel", "-o", &out]].concat();
        let done = sartor().env("PYTHONPATH", tools()).args(&args).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        if !done.status.success() {
            let missing = ["run `rustup target add", "pip install ziglang"].iter().any(|what| said.contains(what));
            assert!(missing && said.starts_with(&format!("error: cannot build for {target}: ")), "{said}");
            skipped(&format!("wheels for {target}"), said.trim());
            continue;
        }
        assert!(wheel(&out, &network).to_str().unwrap().contains(tag));
    }
}

#[test]
fn an_older_c_library_takes_zig() {
    let folder = Folder::new();
    let out = folder.path("old");
    let network = [&TINY[..], &["--levels", "portable", "--glibc", "2.17"]].concat();
    if !Command::new("python3").args(["-m", "ziglang", "version"]).output().is_ok_and(|output| output.status.success()) {
        let args = [&["compile"], &network[..], &["--kind", "wheel", "-o", &out]].concat();
        fails(&args, &["cannot build for", "glibc 2.17 takes zig", "pip install ziglang"]);
    }
    if tool("ziglang", "wheels for glibc 2.17").is_none() {
        return;
    }
    let wheel = wheel(&out, &network);
    assert!(wheel.to_str().unwrap().contains("manylinux_2_17_"), "{}", wheel.display());
    let Some(python) = environment(&folder, &[&wheel], "a wheel for glibc 2.17") else { return };
    let name = wheel.file_name().unwrap().to_str().unwrap().split('-').next().unwrap().to_owned();
    let script = format!("import array, {name} as net; print(net.Model(2)([0.5] * 3072).shape)");
    assert_eq!(String::from_utf8_lossy(&run(Command::new(python).args(["-c", &script])).stdout), "(1, 2)\n");
}
