//! Wrong input, and machines that lack something: the command line prints an error that names the cause, and leaves no half-written file.

use std::fs::File;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use predicates::prelude::*;
use predicates::str::contains;
use sartor::data::npy;
use sartor::models::Tensor;
use sartor::models::weights::LoadOptions;
use sartor::models::zoo::Spec;
use sartor::{Level, Weights};
use serde_json::Value;

mod common;
use common::{Folder, PICTURE, fails, json, sartor};

#[test]
fn networks_that_do_not_exist() {
    fails(&["show", "mobilnet_v2"], &["did you mean 'mobilenet_v2"]);
    fails(&["show", "rexnet_x0.0"], &["width", "0"]);
    fails(&["show", "rexnet_x1.0", "--classes", "0"], &["classes", "0"]);
    fails(&["show", "shufflenet_v1_g5_x1.0"], &["groups", "5"]);
}

#[test]
fn pictures_that_are_none() {
    let folder = Folder::new();
    let text = folder.file("text.png", b"This is not a picture.");
    fails(&["run", "rexnet_digits", "--image", &text], &["text.png", "not a JPEG or PNG"]);
    let truncated = folder.file("half.png", &std::fs::read(PICTURE).unwrap()[..300]);
    fails(&["run", "rexnet_digits", "--image", &truncated], &["half.png"]);
    fails(&["run", "rexnet_digits", "--image", "missing.png"], &["missing.png", "No such file"]);
    fails(&["run", "rexnet_digits", "--image", PICTURE, "--resize", "16"], &["too small for a crop"]);
    fails(&["run", "rexnet_digits", "--image", PICTURE, "--std", "0,1,1"], &["--std"]);
    let photo = std::fs::read("tests/pictures/files/photos/coffee.jpg").unwrap();
    let cut = folder.file("cut.jpg", &photo[..photo.len() / 2]);
    fails(&["run", "rexnet_digits", "--image", &cut], &["cut.jpg", "cut short", "% of its pixels", "--allow-truncated"]);
}

#[test]
fn pictures_that_take_too_much() {
    let run = ["run", "rexnet_digits", "--image", "tests/pictures/files/photos/coffee.jpg"];
    let limited = [&run[..], &["--max-image-memory", "0"]].concat();
    fails(&limited, &["coffee.jpg", "limit"]);
    for size in ["4294967296", "18446744073709551615", "3x", "0x3"] {
        fails(&[&run[..], &["--resize", size]].concat(), &["--resize", "from 1 to 1048576"]);
    }
    let small = ["--max-image-memory", "1", "--resize", "1000000"];
    fails(&[&run[..], &small].concat(), &["coffee.jpg", "to resize", "the limit is 1 MiB", "--max-image-memory"]);
}

#[test]
fn presets_that_do_not_fit() {
    let run = |network: &str, preset: &str, parts: &[&str]| {
        fails(&["run", network, "--engine", "generic", "--image", PICTURE, "--preset", preset], parts);
    };
    run("efficientnet_b2", "torchvision-v1", &["IMAGENET1K_V1", "288x288", "takes 260x260", "efficientnet_b2@288x288"]);
    run("efficientnet_b0", "torchvision-v2", &["IMAGENET1K_V2", "efficientnet_b0", "efficientnet_b1"]);
    run("rexnet_digits", "torchvision-v1", &["rexnet_digits", "mobilenet_v2_x1.0"]);
}

#[test]
fn tensors_of_the_wrong_shape() {
    let folder = Folder::new();
    let path = folder.path("in.npy");
    npy::write(Path::new(&path), &[1, 3, 224, 224], &[0.0; 3 * 224 * 224]).unwrap();
    fails(&["run", "rexnet_digits", "--input", &path], &["[1, 3, 224, 224]", "[N, 3, 32, 32]"]);
    let bad = folder.file("bad.npy", b"not numpy");
    fails(&["run", "rexnet_digits", "--input", &bad], &["not an .npy file"]);
}

const DIGITS: &str = "examples/digits/rexnet_digits.safetensors";

/// A safetensors file of any header and `len` bytes of values.
fn safetensors(header: &str, len: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; len]].concat()
}

#[test]
fn weights_that_do_not_fit() {
    let folder = Folder::new();
    let with = |name: &str, bytes: &[u8]| {
        let file = folder.file(name, bytes);
        fails(&["run", "rexnet_digits", "--weights", &file, "--image", PICTURE], &[&file]);
    };
    let good = std::fs::read(DIGITS).unwrap();
    with("empty", b"");
    with("half", &good[..good.len() / 2]);
    with("no-values", &good[..1 << 10]);
    with("longer", &[&good[..], &[0; 4]].concat());
    with("endless-header", &[[255; 8], [b'{'; 8]].concat());
    with("header-beyond-the-file", &[&1000u64.to_le_bytes()[..], b"{}"].concat());
    with("no-json", &safetensors("weights", 4));
    let one = |shape: &str, begin: usize, end: usize| {
        format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[{begin},{end}]}}}}"#)
    };
    with("values-beyond-the-file", &safetensors(&one("[1000]", 0, 4000), 4));
    with("values-before-the-file", &safetensors(&one("[1]", 8, 4), 8));
    with("shape-of-other-size", &safetensors(&one("[3]", 0, 4), 4));
    with("shape-beyond-memory", &safetensors(&one("[4294967296, 4294967296]", 0, 4), 4));
    with("other-tensors", &safetensors(&one("[1]", 0, 4), 4));
    let missing = folder.path("missing.safetensors");
    fails(&["run", "rexnet_digits", "--weights", &missing, "--image", PICTURE], &[&missing, "No such file"]);
}

#[test]
fn weights_that_are_not_finite() {
    let folder = Folder::new();
    for (name, value) in [("nan", f32::NAN), ("infinite", f32::INFINITY)] {
        let mut bytes = std::fs::read(DIGITS).unwrap();
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&value.to_le_bytes());
        let file = folder.file(name, &bytes);
        let run = ["run", "rexnet_digits", "--weights", &file, "--image", PICTURE, "--engine", "generic"];
        fails(&run, &[&file, "tensor '", "has 1 NaN or infinite values of"]);
        sartor().args(run).arg("--allow-non-finite").assert().success();
        fails(&["compile", "rexnet_digits", "--weights", &file, "-o", &folder.path("out")], &[&file, "NaN or infinite"]);
        assert!(!Path::new(&folder.path("out")).exists());
    }
}

/// The built-in weights with every name in the header changed.
fn renamed(rename: impl Fn(&str) -> String) -> Vec<u8> {
    let bytes = std::fs::read(DIGITS).unwrap();
    let (header, data) = split(&bytes);
    let Value::Object(entries) = header else { panic!("{header}") };
    let tensors = entries.into_iter().filter(|(name, _)| name != "__metadata__");
    let header =
        serde_json::to_string(&tensors.map(|(name, info)| (rename(&name), info)).collect::<serde_json::Map<_, _>>()).unwrap();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn split(bytes: &[u8]) -> (Value, &[u8]) {
    let (header, data) = bytes[8..].split_at(u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize);
    (serde_json::from_slice(header).unwrap(), data)
}

/// The built-in weights with the signs of one batch norm's variances changed.
fn negative_variance(tensor: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(DIGITS).unwrap();
    let (header, data) = split(&bytes);
    let data = bytes.len() - data.len();
    let info = &header[tensor];
    let offset = |i: usize| data + info["data_offsets"][i].as_u64().unwrap() as usize;
    let width = if info["dtype"] == "F32" { 4 } else { 2 };
    for end in (offset(0)..offset(1)).step_by(width).map(|start| start + width - 1) {
        bytes[end] ^= 0x80;
    }
    bytes
}

#[test]
fn weights_with_negative_variances() {
    let folder = Folder::new();
    let file = folder.file("negative_variance.safetensors", &negative_variance("features.10.out.7.running_var"));
    let out = folder.path("out");
    let with = ["rexnet_digits", "--weights", &file];
    let commands: [&[&str]; 8] = [
        &["run", "--image", PICTURE],
        &["run", "--image", PICTURE, "--engine", "generic"],
        &["run", "--image", PICTURE, "--engine", "reference"],
        &["verify"],
        &["bench"],
        &["bench", "--engine", "generic"],
        &["compile", "-o", &out],
        &["export", "-o", &out],
    ];
    for command in commands {
        let args = [&command[..1], &with, &command[1..]].concat();
        fails(&args, &[&file, "'features.10.out.7.running_var'", "40 of 40 channels", "channel 0", "-0.2448"]);
        assert!(!Path::new(&out).exists(), "{args:?}");
    }
    for engine in ["generic", "reference", "specialised"] {
        let args = [&["run"][..], &with, &["--image", PICTURE, "--engine", engine, "--allow-non-finite"]].concat();
        sartor().args(args).assert().success().stdout(contains("NaN"));
    }
}

#[test]
fn answers_that_are_not_finite() {
    let folder = Folder::new();
    // The weights are finite, but their products with this picture overflow.
    let network = "rexnet_digits".parse::<Spec>().unwrap().build().unwrap();
    let mut weights = Weights::load(DIGITS, &network, LoadOptions::default()).unwrap();
    let shape = weights.get("output.4.weight").unwrap().shape().to_vec();
    weights.insert("output.4.weight", Tensor::new(shape.clone(), vec![1e38; shape.iter().product()]));
    let (file, output) = (folder.path("large.safetensors"), folder.path("out.npy"));
    weights.save(&file).unwrap();
    for engine in ["generic", "reference", "specialised"] {
        let run = ["run", "rexnet_digits", "--weights", &file, "--image", PICTURE, "--engine", engine, "--output", &output];
        fails(&run, &["10 of the answer's 10 values are NaN or infinite", "too large for f32", "--allow-non-finite"]);
        fails(&[&run[..], &["--json"]].concat(), &["values are NaN or infinite"]);
        assert!(!Path::new(&output).exists());
        sartor().args(run).arg("--allow-non-finite").assert().success();
        std::fs::remove_file(&output).unwrap();
    }
    // The input itself is not finite.
    let input = folder.path("nan.npy");
    let mut values = vec![0.0; 3 * 32 * 32];
    values[100] = f32::NAN;
    npy::write(Path::new(&input), &[1, 3, 32, 32], &values).unwrap();
    let run = ["run", "efficientnet_b0@32x32", "--input", &input, "--engine", "generic"];
    fails(&run, &["of the answer's", "1 of the input's values are NaN or infinite"]);
    sartor().args(run).arg("--allow-non-finite").assert().success();
}

#[test]
fn weights_of_wrapped_modules() {
    let folder = Folder::new();
    let run = |file: &str| {
        let args = ["run", "rexnet_digits", "--weights", file, "--image", PICTURE, "--engine", "generic", "--json"];
        sartor().args(args).assert().success()
    };
    let top = |output: &[u8]| serde_json::from_slice::<Value>(output).unwrap()["top"].clone();
    let plain = top(&run(DIGITS).stderr("").get_output().stdout);
    for prefix in ["module.", "state_dict.module._orig_mod."] {
        let file = folder.file("digits_ddp_prefix.safetensors", &renamed(|name| format!("{prefix}{name}")));
        let assert = run(&file).stderr(contains(format!("begin with '{prefix}', which is ignored")).and(contains(&file)));
        assert_eq!(top(&assert.get_output().stdout), plain, "{prefix}");
    }
    let one = folder.file("one.safetensors", &renamed(|name| name.replace("features.0.", "module.features.0.")));
    fails(&["run", "rexnet_digits", "--weights", &one, "--image", PICTURE], &["missing tensor 'features.0.weight'"]);
}

#[test]
fn files_that_are_no_weights() {
    let folder = Folder::new();
    let pointer = "version https://git-lfs.github.com/spec/v1\n\
        oid sha256:0000000000000000000000000000000000000000000000000000000000000001\nsize 21355344\n";
    let pickle = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";
    let with = |file: &str, parts: &[&str]| {
        fails(&["run", "rexnet_digits", "--weights", file, "--image", PICTURE], &[parts, &[file]].concat());
    };
    with(&folder.file("lfs_pointer.safetensors", pointer.as_bytes()), &["Git LFS pointer", "git lfs pull"]);
    with(&folder.file("page.html", b"<!doctype html><html></html>"), &["an HTML page"]);
    with(&folder.file("net.pth", pickle), &["PyTorch", "torch.load(\"net.pth\"", "\"net.safetensors\")"]);
    with(&folder.path("."), &["a folder"]);
    let onnx = folder.path("net.onnx");
    sartor().args(["export", "rexnet_digits", "-o", &onnx]).assert().success();
    with(&onnx, &["an ONNX file"]);
    with(PICTURE, &["not a safetensors file"]);
}

#[test]
fn options_that_are_impossible() {
    let run = |args: &[&str], parts: &[&str]| fails(&[&["run", "rexnet_digits", "--image", PICTURE], args].concat(), parts);
    run(&["--threads", "0"], &["threads is 0"]);
    run(&["--threads", "1000000"], &["threads is 1000000"]);
    run(&["--threads", "18446744073709551615"], &["threads is 18446744073709551615"]);
    run(&["--threads", "2", "--engine", "generic"], &["runs on one thread", "help: "]);
    run(&["--engine", "fast"], &["'fast'", "specialised"]);
    run(&["--resize", "0"], &["--resize", "from 1 to 1048576"]);
    run(&["--input", PICTURE], &["--image", "--input"]);
    run(&["--labels", "missing.txt"], &["missing.txt"]);
    fails(&["run", "rexnet_digits"], &["--image", "--input"]);
    fails(&["compile", "rexnet_digits", "-o", "out", "--levels", "sse9"], &["sse9"]);
    fails(&["compile", "rexnet_digits", "-o", "out", "--levels", ""], &["--levels"]);
    fails(&["compile", "rexnet_digits", "-o", "out", "--batch", "0"], &["batch is 0"]);
    fails(&["compile", "rexnet_digits"], &["--output"]);
    fails(&["compile", "rexnet_digits", "-o", "out", "--batch", "18446744073709551615"], &["18446744073709551615"]);
    fails(&["compile", "rexnet_digits", "-o", "out", "--threads", "0"], &["threads is 0"]);
    fails(&["compile", "rexnet_digits", "-o", "out", "--threads", "18446744073709551615"], &["18446744073709551615"]);
    for command in
        [&["verify", "rexnet_digits"][..], &["bench", "rexnet_digits"], &["bench", "rexnet_digits", "--engine", "generic"]]
    {
        fails(&[command, &["--batch", "0"]].concat(), &["batch is 0"]);
        fails(&[command, &["--batch", "18446744073709551615"]].concat(), &["18446744073709551615"]);
    }
    fails(&["show", "mobilenet_v2@31x64"], &["height is 31", "32"]);
    fails(&["show", "mobilenet_v2@64x2000"], &["2000", "1024"]);
    fails(&["show", "efficientnet_b0_g2"], &["no groups"]);
    fails(&["show", "rexnet_digits", "--no-head", "--classes", "7"], &["--no-head", "--classes"]);
    assert!(!Path::new("out").exists());
}

#[test]
fn outputs_that_cannot_be_written() {
    let folder = Folder::new();
    let file = folder.file("file", b"x");
    let below = format!("{file}/out");
    fails(&["run", "rexnet_digits", "--image", PICTURE, "--output", &below], &[&below]);
    fails(&["compile", "rexnet_digits", "-o", &below], &[&below]);
    fails(&["compile", "rexnet_digits", "-o", &folder.path(".")], &["not written by sartor"]);
    assert_eq!(std::fs::read(file).unwrap(), b"x");
    assert_eq!(folder.entries(), 1);
}

#[test]
fn levels_that_this_machine_cannot_run() {
    let run = ["run", "rexnet_digits", "--image", PICTURE, "--level"];
    let missing: Vec<_> = Level::ALL.into_iter().filter(|level| !level.is_available()).collect();
    assert!(!missing.is_empty(), "no CPU has both NEON and AVX");
    for level in missing {
        fails(&[&run[..], &[level.name()]].concat(), &["this CPU lacks level", level.name()]);
    }
    fails(&[&run[..], &["sse9"]].concat(), &["sse9"]);

    let best = Level::best().unwrap();
    if best == Level::Portable {
        sartor::kernels::report::skipped("a level that SARTOR_MAX_LEVEL forbids", "no level of this CPU is above portable");
    } else {
        let mut command = sartor();
        command.env("SARTOR_MAX_LEVEL", "portable").args(run).arg(best.name());
        command.assert().code(1).stderr(contains("SARTOR_MAX_LEVEL does not allow").and(contains("help: use one of portable")));
    }
    sartor().env("SARTOR_MAX_LEVEL", "fastest").args(["show", "rexnet_digits"]).assert().code(1).stderr(contains("fastest"));
}

/// A command that may write files of at most `kib` KiB. Writing more fails, as on a full disk.
fn limited(program: &Path, kib: usize) -> Command {
    let mut command = Command::new("bash");
    // The limit also sends a signal that would kill the process. A full disk does not, so the signal is ignored.
    command.args(["-c", "trap '' XFSZ; ulimit -f $0; exec \"$@\"", &kib.to_string()]).arg(program);
    command.env("SARTOR_CACHE", common::cache()).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn fails_without_panic(command: &mut Command, parts: &[&str]) {
    let assert = command.assert().code(1).stdout("").stderr(contains("panicked").not());
    parts.iter().fold(assert, |assert, part| assert.stderr(contains(*part)));
}

#[test]
fn disks_that_are_full() {
    let folder = Folder::new();
    let program = cargo_bin("sartor");
    let (out, cache) = (folder.path("out"), folder.path("cache"));
    let weights = ["--weights", DIGITS];
    let tmp = folder.path("tmp");
    std::fs::create_dir(&tmp).unwrap();
    // 2 MiB are enough for the sources and the weights, but not for the library that rustc writes.
    for (kib, parts) in [(0, ["File too large", &*tmp]), (2048, ["rustc could not build", "File too large"])] {
        let mut command = limited(&program, kib);
        command.env("TMPDIR", &tmp).env("SARTOR_CACHE", &cache);
        fails_without_panic(command.args(["compile", "rexnet_digits", "-o", &out]).args(weights), &parts);
        assert_eq!(folder.entries(), 1, "nothing is left of a crate");
        assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0, "nothing is left of what was built");
    }
    let run = ["run", "rexnet_digits", "--image", PICTURE];
    fails_without_panic(limited(&program, 0).env("SARTOR_CACHE", &cache).args(run).args(weights), &["File too large"]);
    let entry = std::fs::read_dir(Path::new(&cache).join("programs")).unwrap().next().unwrap().unwrap().path();
    let left: Vec<_> = std::fs::read_dir(entry).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"], "nothing but the lock is left in the cache");
    let file = folder.file("file", b"");
    sartor().env("SARTOR_CACHE", &file).args(run).assert().code(1).stderr(contains("cannot use the cache").and(contains(file)));
    let generic = [&run[..], &weights, &["--engine", "generic", "--output", &out]].concat();
    fails_without_panic(limited(&program, 0).args(&generic), &[&out, "File too large"]);
    assert!(!Path::new(&out).exists());
    if cfg!(target_os = "linux") {
        fails(&[&run[..], &["--engine", "generic", "--output", "/dev/full"]].concat(), &["/dev/full", "No space left"]);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = std::process::Command::new(program).arg("list").stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("cannot write to stdout: No space left"), "{said}");
    }
}

#[test]
fn generated_programs_say_what_is_wrong() {
    let folder = Folder::new();
    let best = Level::best().unwrap();
    let levels = format!("{best},portable");
    let report: Value = json(&["compile", "rexnet_digits", "--levels", &levels, "-o", &folder.path("digits"), "--json"]);
    let program = PathBuf::from(report["artifact"].as_str().unwrap());
    let run = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.args(args).env_remove("SARTOR_MAX_LEVEL");
        command
    };
    let fails = |args: &[&str], parts: &[&str]| fails_without_panic(&mut run(args), parts);
    let npy = |name: &str, shape: &[usize]| {
        let path = folder.path(name);
        npy::write(Path::new(&path), shape, &vec![0.25; shape.iter().product()]).unwrap();
        path
    };
    let good = npy("good.npy", &[1, 3, 32, 32]);
    run(&[&good]).assert().success().stdout(contains(format!("level {best}")));
    run(&[&npy("single.npy", &[3, 32, 32])]).assert().success();
    fails(&[&npy("large.npy", &[1, 3, 224, 224])], &["large.npy", "[1, 3, 224, 224]", "[1, 3, 32, 32]"]);
    fails(&["missing.npy"], &["missing.npy", "No such file"]);
    fails(&[PICTURE], &[PICTURE, "not an .npy file"]);
    let bytes = std::fs::read(&good).unwrap();
    fails(&[&folder.file("half.npy", &bytes[..bytes.len() / 2])], &["half.npy", "cut off"]);
    fails(&[&folder.file("header.npy", &bytes[..40])], &["header.npy", "cut off"]);
    fails(&[&good, "--threads", "0"], &["threads is 0"]);
    for (args, part) in
        [(&["--threads", "two"][..], "'two'"), (&["--level", "sse9"], "sse9"), (&["--fast"], "--fast"), (&["--top"], "--top")]
    {
        run(&[&[&*good], args].concat()).assert().code(2).stderr(contains(part).and(contains("usage: ")));
    }
    run(&[]).assert().code(2).stderr(contains("no input").and(contains("usage: ")));

    run(&[&good]).env("SARTOR_MAX_LEVEL", "portable").assert().success().stdout(contains("level portable"));
    fails_without_panic(run(&[&good]).env("SARTOR_MAX_LEVEL", "fastest"), &["fastest"]);
    for level in Level::ALL.into_iter().filter(|level| !level.is_available()) {
        fails(&[&good, "--level", level.name()], &[level.name(), "cannot run here"]);
    }
    if best != Level::Portable {
        let capped = &mut run(&[&good, "--level", best.name()]);
        fails_without_panic(capped.env("SARTOR_MAX_LEVEL", "portable"), &["SARTOR_MAX_LEVEL forbids it"]);
    }

    let before = folder.entries();
    fails(&[&good, "--output", &format!("{good}/out.npy")], &["out.npy"]);
    fails(&[&good, "--output", &folder.path("digits")], &["digits"]);
    fails_without_panic(limited(&program, 0).args([&good, "--output", &folder.path("out.npy")]), &["out.npy", "File too large"]);
    if cfg!(target_os = "linux") {
        fails(&[&good, "--output", "/dev/full"], &["/dev/full", "No space left"]);
    }
    assert_eq!(folder.entries(), before, "nothing half-written is left");
}
