//! A compiled program and `sartor run` take the same `.npy` files, and refuse the same ones for the same reason.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use sartor::data::npy;

mod common;
use common::{Folder, PROGRAM, TINY, good_input, npy_file, sartor};

/// Both readers, with the input as their last argument still to come.
fn readers() -> [(&'static str, Command); 2] {
    let mut run = sartor();
    run.arg("run").args(TINY).args(["--engine", "generic", "--input"]);
    let mut program = Command::new(&*PROGRAM);
    program.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("SARTOR_MAX_LEVEL");
    [("run", run), ("the program", program)]
}

/// Both accept the input and give the same answer, apart from rounding.
fn both_take(what: &str, input: &str, stdin: Option<&[u8]>) {
    let folder = Folder::new();
    let answers = readers().map(|(reader, mut command)| {
        let output = folder.path(reader);
        command.args([input, "--output", &output]);
        let ended = stdin.into_iter().fold(&mut command, |command, bytes| command.write_stdin(bytes)).output().unwrap();
        assert!(ended.status.success(), "{reader}, {what}: {}", String::from_utf8_lossy(&ended.stderr));
        let (shape, values) = npy::read(Path::new(&output)).unwrap();
        assert_eq!(shape, [1, 2], "{reader}, {what}");
        values
    });
    let [run, program] = answers;
    assert!(run[0] != run[1] && run.iter().zip(&program).all(|(a, b)| (a - b).abs() < 1e-4), "{what}: {run:?}, {program:?}");
}

/// Both refuse the input. Their errors name it and contain `part`.
fn both_refuse(what: &str, input: &str, stdin: Option<&[u8]>, part: &str) {
    for (reader, mut command) in readers() {
        command.arg(input);
        let command = stdin.into_iter().fold(&mut command, |command, bytes| command.write_stdin(bytes));
        let assert = command.assert().code(1).stdout("").stderr(predicate::str::starts_with("error: "));
        let one_line = predicate::function(|text: &str| text.trim_end().lines().count() <= 2 && !text.contains('\x1b'));
        let assert = assert.stderr(contains("panicked").not().and(one_line));
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(said.contains(input) && said.contains(part), "{reader}, {what}: {said}");
    }
}

const WHOLE: usize = 4 * 3 * 32 * 32;

fn header(descr: &str, order: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n")
}

#[test]
fn good_files() {
    let usual = header("'<f4'", "False", "(1, 3, 32, 32)");
    let cases = [
        ("as NumPy writes it", npy_file([1, 0], &format!("{:<117}\n", usual.trim_end()), WHOLE)),
        ("version 1", npy_file([1, 0], &usual, WHOLE)),
        ("version 2", npy_file([2, 0], &usual, WHOLE)),
        ("version 3", npy_file([3, 0], &usual, WHOLE)),
        ("one image without its dimension", npy_file([1, 0], &header("'<f4'", "False", "(3, 32, 32)"), WHOLE)),
        ("double quotes", npy_file([1, 0], &usual.replace('\'', "\""), WHOLE)),
        ("either quotes", npy_file([1, 0], &usual.replace("'descr'", "\"descr\""), WHOLE)),
        ("no space", npy_file([1, 0], &usual.replace(' ', ""), WHOLE)),
        ("much space", npy_file([1, 0], &usual.replace(' ', " \t\n ").replace(',', " ,").replace(':', " :"), WHOLE)),
        ("another order", npy_file([1, 0], "{'shape': (1, 3, 32, 32), 'fortran_order': False, 'descr': '<f4'}", WHOLE)),
        ("a comma after the last size", npy_file([1, 0], &header("'<f4'", "False", "(1, 3, 32, 32,)"), WHOLE)),
        ("a long header", npy_file([1, 0], &format!("{usual}{}", " ".repeat(60_000)), WHOLE)),
    ];
    let folder = Folder::new();
    for (what, bytes) in cases {
        both_take(what, &folder.file("a.npy", &bytes), None);
    }
}

#[test]
fn bad_files() {
    let usual = header("'<f4'", "False", "(1, 3, 32, 32)");
    let version = |version| npy_file(version, &usual, WHOLE);
    let with = |header: &str| npy_file([1, 0], header, WHOLE);
    let dtype = |descr: &str| with(&header(descr, "False", "(1, 3, 32, 32)"));
    let shape = |shape: &str, bytes| npy_file([1, 0], &header("'<f4'", "False", shape), bytes);
    let good = good_input();
    let astype = "save array.astype('<f4')";
    let cases = [
        ("nothing", vec![], "not an .npy file"),
        ("a picture", b"\x89PNG\r\n\x1a\n and more".to_vec(), "not an .npy file"),
        ("version 255", version([255, 0]), "version 255.0 of .npy is unknown"),
        ("version 0", version([0, 0]), "version 0.0 of .npy is unknown"),
        ("version 4", version([4, 0]), "version 4.0 of .npy is unknown"),
        ("version 1.1", version([1, 1]), "version 1.1 of .npy is unknown"),
        ("no header", good[..10].to_vec(), "cut off in its header"),
        ("half a header", good[..40].to_vec(), "cut off in its header"),
        ("an endless header", [b"\x93NUMPY\x02\0", &[255; 4][..], &[b' '; 9999]].concat(), "claims 4294967295 bytes"),
        ("a header that is no text", [b"\x93NUMPY\x01\0\x02\0", &[0xff, 0xfe][..]].concat(), "not text"),
        ("an empty header", with("{}"), "no 'descr'"),
        ("no shape", with("{'descr': '<f4', 'fortran_order': False}"), "no 'shape'"),
        ("no order", with("{'descr': '<f4', 'shape': (1, 3, 32, 32)}"), "no 'fortran_order'"),
        ("a second shape", with(&usual.replace("}", "'shape': (1, 3, 32, 32)}")), "'shape' twice"),
        ("another key", with(&usual.replace("}", "'x': 1}")), "an entry 'x'"),
        ("a key with an escape", with(&usual.replace("}", "'\x1b[2J\n': 1}")), r"an entry '\u{1b}[2J'"),
        ("more after the header", with(&format!("{usual} and more")), "goes on after its end: 'and more'"),
        ("doubles", npy_file([1, 0], &header("'<f8'", "False", "(1, 3, 32, 32)"), 2 * WHOLE), "'<f8', not '<f4'"),
        ("halves", npy_file([1, 0], &header("'<f2'", "False", "(1, 3, 32, 32)"), WHOLE / 2), astype),
        ("big endian", dtype("'>f4'"), "'>f4', not '<f4'"),
        ("native endian", dtype("'=f4'"), "'=f4', not '<f4'"),
        ("no endian", dtype("'|f4'"), "'|f4', not '<f4'"),
        ("bytes", dtype("'|u1'"), "'|u1', not '<f4'"),
        ("an escape for a type", dtype("'\x1b[2J'"), r"'\u{1b}[2J', not '<f4'"),
        ("records", dtype("[('a', '<f4')]"), "the values are records"),
        ("objects", dtype("'|O'"), astype),
        ("Fortran order", with(&header("'<f4'", "True", "(1, 3, 32, 32)")), "numpy.ascontiguousarray"),
        ("an order that is none", with(&header("'<f4'", "0", "(1, 3, 32, 32)")), "'fortran_order' is 0"),
        ("half the values", good[..good.len() / 2].to_vec(), "cut off: it holds fewer values"),
        ("all but a byte", good[..good.len() - 1].to_vec(), "cut off: it holds fewer values"),
        ("a byte more", [&good[..], &[0]].concat(), "goes on: it holds more values"),
        ("a value more", [&good[..], &[0; 4]].concat(), "goes on: it holds more values"),
        ("a larger picture", shape("(1, 3, 224, 224)", 4 * 3 * 224 * 224), "[1, 3, 224, 224]"),
        ("channels last", shape("(1, 32, 32, 3)", WHOLE), "[1, 32, 32, 3]"),
        ("a flat array", shape("(3072,)", WHOLE), "[3072]"),
        ("a dimension more", shape("(1, 1, 3, 32, 32)", WHOLE), "[1, 1, 3, 32, 32]"),
        ("one value", shape("()", 4), "[]"),
        ("no image", shape("(0, 3, 32, 32)", 0), "[0, 3, 32, 32]"),
        ("a shape that overflows", shape("(4294967296, 4294967296, 4294967296)", WHOLE), "[4294967296, 4294967296, 4294967296]"),
        ("a size that overflows", shape("(99999999999999999999, 3, 32, 32)", WHOLE), "'99999999999999999999' in the shape"),
        ("more than memory", shape("(99999999999, 3, 32, 32)", WHOLE), "[99999999999, 3, 32, 32]"),
        ("a size below zero", shape("(-1, 3, 32, 32)", WHOLE), "'-1' in the shape is not a size"),
        ("a size of Python 2", shape("(1L, 3L, 32L, 32L)", WHOLE), "'1L' in the shape is not a size"),
        ("a list for a shape", shape("[1, 3, 32, 32]", WHOLE), "the shape is not a tuple"),
        ("a thousand dimensions", shape(&format!("({})", "1, ".repeat(1000)), 4), "1000 dimensions"),
    ];
    let folder = Folder::new();
    for (what, bytes, part) in cases {
        both_refuse(what, &folder.file("a.npy", &bytes), None, part);
    }
}

/// Batches that only `run` accepts, because its kernels are not compiled for a fixed number of images.
#[test]
fn run_takes_any_number_of_images() {
    let folder = Folder::new();
    let two = folder.file("two.npy", &npy_file([1, 0], &header("'<f4'", "False", "(2, 3, 32, 32)"), 2 * WHOLE));
    let [(_, mut run), (_, mut program)] = readers();
    run.arg(&two).assert().success().stdout(contains("image 1"));
    program.arg(&two).assert().code(1).stderr(contains("[2, 3, 32, 32]").and(contains("[1, 3, 32, 32]")));
}

#[test]
#[cfg(unix)]
fn what_is_no_file() {
    let folder = Folder::new();
    let good = good_input();
    both_take("the standard input", "-", Some(&good));
    both_take("the standard input by its name", "/dev/stdin", Some(&good));
    both_refuse("a cut pipe", "-", Some(&good[..good.len() - 4]), "cut off");
    both_refuse("a longer pipe", "/dev/stdin", Some(&[&good[..], &[0; 4]].concat()), "goes on");
    both_refuse("a closed pipe", "-", Some(b""), "not an .npy file");
    both_refuse("a folder", &folder.path(""), None, "Is a directory");
    both_refuse("no file", &folder.path("missing.npy"), None, "No such file");
    if cfg!(target_os = "linux") {
        both_refuse("endless zeros", "/dev/zero", None, "not an .npy file");
    }
    let (file, pipe) = (folder.file("good.npy", &good), folder.path("pipe"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (_, reader) in readers() {
        let shell = |script: &str| {
            let mut bash = std::process::Command::new("bash");
            bash.args(["-c", script, "bash", &file, &pipe]).arg(reader.get_program()).args(reader.get_args());
            let ended = bash.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
            (ended.status.success(), String::from_utf8_lossy(&ended.stderr).into_owned())
        };
        for script in ["cat \"$1\" > \"$2\" & \"${@:3}\" \"$2\"", "\"${@:3}\" <(cat \"$1\")"] {
            let (success, said) = shell(script);
            assert!(success, "{script}: {said}");
        }
        let (success, said) = shell("cat \"$1\" /dev/zero | \"${@:3}\" -");
        assert!(!success && said.contains("goes on"), "an endless pipe: {said}");
    }
}

/// A header that claims a large shape costs no more memory than the file has values, and ends in an error.
#[test]
#[cfg(target_os = "linux")]
fn memory_that_is_refused_is_an_error() {
    let folder = Folder::new();
    let many = header("'<f4'", "False", "(300000, 3, 32, 32)");
    let claim = folder.file("claim.npy", &npy_file([1, 0], &many, WHOLE));
    let [(_, reader), _] = readers();
    // In KiB: enough for the process and not for the 3.4 GiB that are claimed.
    for (input, said) in [("cat \"$1\"", "cut off"), ("cat \"$1\" /dev/zero", "out of memory")] {
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &format!("{input} | (ulimit -v 1000000; \"${{@:2}}\" -)"), "bash", &claim]);
        bash.arg(reader.get_program()).args(reader.get_args()).current_dir(env!("CARGO_MANIFEST_DIR"));
        let ended = bash.output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() == Some(1) && stderr.contains(said), "{input}: {}, {stderr}", ended.status);
    }
}
