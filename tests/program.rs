//! A compiled program as a command: its arguments, its output files, and its errors for answers that are not finite.
#![cfg(unix)]

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command as Process, Stdio};

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use sartor::data::npy;
use sartor::kernels::report::skipped;

mod common;
use common::{Folder, PROGRAM, TINY, good_input, npy_file, sartor};

/// The program, in `folder`.
fn program(folder: &Folder) -> Command {
    let mut command = Command::new(&*PROGRAM);
    command.current_dir(folder.path("")).env_remove("SARTOR_MAX_LEVEL");
    command
}

/// A folder with a good input, `in.npy`.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.file("in.npy", &good_input());
    folder
}

/// The program and `sartor run`, in `folder` and with its good input.
fn writers(folder: &Folder) -> [(&'static str, Command); 2] {
    let mut run = sartor();
    run.current_dir(folder.path("")).arg("run").args(TINY).args(["--engine", "generic", "--input", "in.npy"]);
    let mut program = program(folder);
    program.arg("in.npy");
    [("run", run), ("the program", program)]
}

fn names(folder: &Folder) -> Vec<String> {
    let all = fs::read_dir(folder.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<String> = all.collect();
    all.sort();
    all
}

fn is_answer(path: &str) -> bool {
    npy::read(Path::new(path)).is_ok_and(|(shape, _)| shape == [1, 2])
}

#[test]
fn only_the_named_output_is_written() {
    for writer in 0..2 {
        let folder = folder();
        let write = |output: &str| writers(&folder)[writer].1.args(["--output", output]).assert();
        // Files of the user's, under names that a program might use for temporary files.
        for name in ["y.npy.partial", ".y.npy.partial", "y.npy~", ".sartor-staging-mine"] {
            folder.file(name, b"mine");
        }
        let theirs = names(&folder);
        let untouched =
            || theirs.iter().filter(|name| *name != "in.npy").all(|name| fs::read(folder.path(name)).unwrap() == b"mine");
        write("y.npy").success();
        assert!(is_answer(&folder.path("y.npy")) && untouched());
        write("missing/y.npy").code(1).stderr(contains("the folder missing: No such file"));
        fs::create_dir(folder.path("folder")).unwrap();
        write("folder").code(1).stderr(contains("this is a folder: name a file"));
        write("folder/").code(1).stderr(contains("this is not the name of a file"));
        write("..").code(1).stderr(contains("this is not the name of a file"));
        write("").failure();
        write("in.npy/y.npy").code(1).stderr(contains("Not a directory"));
        let mut expected = theirs.clone();
        expected.extend(["folder".to_string(), "y.npy".to_string()]);
        expected.sort();
        assert!(names(&folder) == expected && untouched(), "{:?}", names(&folder));
    }
}

#[test]
fn a_failed_write_leaves_all_as_it_was() {
    for writer in 0..2 {
        let folder = folder();
        folder.file("y.npy", b"old");
        let before = names(&folder);
        let command = &writers(&folder)[writer].1;
        let mut limited = Process::new("bash");
        // The limit also sends a signal that would kill the process. A full disk does not, so the signal is ignored.
        limited.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "bash"]);
        limited.arg(command.get_program()).args(command.get_args()).args(["--output", "y.npy"]).current_dir(folder.path(""));
        let ended = limited.output().unwrap();
        assert!(!ended.status.success() && String::from_utf8_lossy(&ended.stderr).contains("File too large"));
        assert!(names(&folder) == before && fs::read(folder.path("y.npy")).unwrap() == b"old");
    }
}

#[test]
fn links_are_written_through() {
    for writer in 0..2 {
        let folder = folder();
        let write = |output: &str| writers(&folder)[writer].1.args(["--output", output]).assert();
        let is_link = |name: &str| fs::symlink_metadata(folder.path(name)).unwrap().is_symlink();
        fs::create_dir(folder.path("far")).unwrap();
        folder.file("far/target.npy", b"old");
        // Links: relative, absolute, of two steps, through a linked folder, and to a file that does not exist yet.
        symlink("far/target.npy", folder.path("a.npy")).unwrap();
        symlink(folder.path("far/target.npy"), folder.path("b.npy")).unwrap();
        symlink("b.npy", folder.path("c.npy")).unwrap();
        symlink("far", folder.path("near")).unwrap();
        symlink("far/new.npy", folder.path("dangling.npy")).unwrap();
        for name in ["a.npy", "b.npy", "c.npy", "near/target.npy"] {
            folder.file("far/target.npy", b"old");
            write(name).success();
            assert!(is_answer(&folder.path("far/target.npy")), "{name}");
        }
        write("dangling.npy").success();
        assert!(is_answer(&folder.path("far/new.npy")));
        assert!(["a.npy", "b.npy", "c.npy", "near", "dangling.npy"].into_iter().all(is_link));
        assert_eq!(fs::read_dir(folder.path("far")).unwrap().count(), 2, "nothing but the two targets");

        symlink("nowhere/new.npy", folder.path("lost.npy")).unwrap();
        write("lost.npy").code(1).stderr(contains("nowhere: No such file"));
        symlink("far", folder.path("folder.npy")).unwrap();
        write("folder.npy").code(1).stderr(contains("this is a folder"));
        symlink("round.npy", folder.path("round.npy")).unwrap();
        write("round.npy").code(1).stderr(contains("links"));
        assert!(["lost.npy", "folder.npy", "round.npy"].into_iter().all(is_link));
    }
}

#[test]
fn an_output_keeps_its_permissions() {
    let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for writer in 0..2 {
        let folder = folder();
        let write = |output: &str| writers(&folder)[writer].1.args(["--output", output]).assert();
        for kept in [0o600, 0o640, 0o666] {
            let old = folder.file("old.npy", b"old");
            fs::set_permissions(&old, fs::Permissions::from_mode(kept)).unwrap();
            write("old.npy").success();
            assert!(is_answer(&old) && mode(&old) == kept, "{:o} for {kept:o}", mode(&old));
        }
        write("new.npy").success();
        assert_eq!(mode(&folder.path("new.npy")), mode(&folder.path("in.npy")), "a new file has what the umask leaves");
        let sealed = folder.file("sealed.npy", b"old");
        fs::set_permissions(&sealed, fs::Permissions::from_mode(0o444)).unwrap();
        if fs::File::options().write(true).open(&sealed).is_ok() {
            skipped("an output that must not be written to", "root may write to any");
        } else {
            write("sealed.npy").code(1).stderr(contains("Permission denied"));
            assert_eq!(fs::read(&sealed).unwrap(), b"old");
        }
    }
}

#[test]
fn pipes_and_devices_are_written_to() {
    for writer in 0..2 {
        let folder = folder();
        let shell = |script: &str| {
            let command = &writers(&folder)[writer].1;
            let mut bash = Process::new("bash");
            bash.args(["-c", script, "bash"]).arg(command.get_program()).args(command.get_args());
            let ended = bash.current_dir(folder.path("")).output().unwrap();
            assert!(ended.status.success(), "{script}: {}", String::from_utf8_lossy(&ended.stderr));
            assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{script}");
            ended.stdout
        };
        shell("\"$@\" --output /dev/null");
        shell("mkfifo pipe; cat pipe > a.npy & \"$@\" --output pipe; wait");
        assert!(is_answer(&folder.path("a.npy")) && fs::metadata(folder.path("pipe")).is_ok_and(|found| !found.is_file()));
        // A file that stdout already has open is written to, not replaced.
        shell("echo > b.npy; ln b.npy b2.npy; \"$@\" --output /dev/fd/3 3> b.npy; cmp b.npy b2.npy");
        assert!(is_answer(&folder.path("b.npy")));
        // What is printed follows the values, whether stdout is a pipe or a file.
        for script in ["\"$@\" --output /dev/stdout | cat", "\"$@\" --output /dev/stdout > c; cat c"] {
            let both = shell(script);
            let printed = both.windows(5).any(|part| part == b"level");
            assert!(both.starts_with(b"\x93NUMPY") && printed, "{script}: {}", String::from_utf8_lossy(&both));
        }
        shell("set -o pipefail; \"$@\" --output /dev/stdout | true");
        assert_eq!(names(&folder), ["a.npy", "b.npy", "b2.npy", "c", "in.npy", "pipe"]);
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let folder = folder();
    let png = Path::new(env!("CARGO_MANIFEST_DIR")).join(common::PICTURE);
    let mut list: Vec<(Vec<&str>, Command)> = vec![(vec![], program(&folder)), (vec!["--help"], program(&folder))];
    list[0].1.arg("in.npy");
    let picture = png.to_str().unwrap();
    for args in [
        &["--help"][..],
        &["list"],
        &["list", "--json"],
        &["show", "rexnet_digits"],
        &["run", "rexnet_digits", "--image", picture, "--engine", "generic"],
        &["run", "rexnet_digits", "--image", picture, "--engine", "generic", "--json"],
        &["export", "rexnet_digits", "-o", "digits.onnx"],
        &["verify", "--proof", TINY[0], "--level", "portable"],
        &["bench", "rexnet_digits", "--runs", "2", "--engine", "generic"],
    ] {
        list.push((args.to_vec(), sartor()));
    }
    for (args, mut command) in list {
        command.current_dir(folder.path("")).args(&args);
        for script in [
            // Its pipe is closed before it begins.
            "set -o pipefail; (sleep 0.1; exec \"$@\") | true",
            "set -o pipefail; (sleep 0.1; exec \"$@\" 2>&1) | true",
            "\"$@\" >&- 2>&-",
        ] {
            let mut bash = Process::new("bash");
            bash.args(["-c", script, "bash"]).arg(command.get_program()).args(command.get_args());
            bash.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(folder.path(""));
            let ended = bash.output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr);
            assert!(ended.status.success() && said.is_empty(), "{args:?}, {script}: {}, {said}", ended.status);
        }
    }
}

#[test]
fn an_error_without_a_reader_is_still_one() {
    let folder = folder();
    for mut command in [program(&folder), sartor()] {
        command.arg("--nonsense");
        let mut bash = Process::new("bash");
        bash.args(["-c", "\"$@\" 2>&-", "bash"]).arg(command.get_program()).args(command.get_args());
        assert_eq!(bash.stdout(Stdio::null()).status().unwrap().code(), Some(2));
    }
}

#[test]
fn an_answer_that_is_not_finite_is_an_error() {
    let folder = folder();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 32, 32), }\n";
    let start = npy_file([1, 0], header, 0);
    let values: Vec<u8> = [f32::NAN; 3 * 32 * 32].iter().flat_map(|value| value.to_le_bytes()).collect();
    let nan = folder.file("nan.npy", &[start, values].concat());
    let refused = "error: the answer is not finite: value 0 of output classifier is NaN; --allow-non-finite takes it\n";
    // The answer is still written and printed.
    program(&folder).args([&nan, "--output", "y.npy"]).assert().code(1).stdout(contains("class")).stderr(contains(refused));
    assert!(is_answer(&folder.path("y.npy")));
    program(&folder).args([&nan, "--allow-non-finite"]).assert().success().stdout(contains("NaN")).stderr("");
    program(&folder).args(["in.npy"]).assert().success().stderr("");
}

#[test]
fn arguments() {
    let folder = folder();
    let run = |args: &[&str]| program(&folder).args(args).assert();
    let wrong = |args: &[&str], part: &str| {
        run(args).code(2).stdout("").stderr(contains(part).and(contains("usage: ")).and(contains("panicked").not()));
    };
    wrong(&["in.npy", "--threads", "99999999999999999999"], "--threads is '99999999999999999999': use a whole number");
    wrong(&["in.npy", "--threads", "-1"], "--threads is '-1'");
    wrong(&["in.npy", "--top", "1.5"], "--top is '1.5'");
    wrong(&["in.npy", "--output"], "--output needs a value");
    wrong(&["in.npy", "--output", "a", "--output", "b"], "--output is given twice");
    wrong(&["in.npy", "--top", "1", "--top", "1"], "--top is given twice");
    wrong(&["in.npy", "--level", "portable", "--level", "portable"], "--level is given twice");
    wrong(&["in.npy", "--level", "\u{1b}"], "use one of avx512");
    wrong(&["in.npy", "in.npy"], "one file too many");
    wrong(&["-x"], "option '-x' is unknown");
    wrong(&["--"], "no input");
    run(&["in.npy", "--threads", "0"]).code(1).stderr(contains("threads is 0: use 1 to 1024"));
    run(&["in.npy", "--threads", "1025"]).code(1).stderr(contains("threads is 1025"));
    run(&["in.npy", "--top", "18446744073709551615"]).success().stdout(contains("image 0").count(2));
    run(&["in.npy", "--top", "0"]).success().stdout(contains("image 0").not());
    run(&["--output", "y.npy", "--help"]).success().stdout(contains("example: "));
    folder.file("-x", &good_input());
    run(&["--", "-x"]).success();
    run(&["./-x"]).success();
    run(&["--top", "1", "--", "--help"]).code(1).stderr(contains("--help: No such file"));

    for garbage in ["fastest", "AVX2", "\u{7}", "portable "] {
        program(&folder)
            .arg("in.npy")
            .env("SARTOR_MAX_LEVEL", garbage)
            .assert()
            .code(1)
            .stdout("")
            .stderr(contains("SARTOR_MAX_LEVEL="));
    }
    program(&folder).arg("in.npy").env("SARTOR_MAX_LEVEL", "").assert().success();
    let strange = std::ffi::OsStr::from_bytes(b"strange\xff.npy");
    fs::write(Path::new(&folder.path("")).join(strange), good_input()).unwrap();
    program(&folder).arg(strange).arg("--output").arg(std::ffi::OsStr::from_bytes(b"out\xff.npy")).assert().success();
    program(&folder).args([std::ffi::OsStr::from_bytes(b"missing\xff")]).assert().code(1).stderr(contains("No such file"));
    program(&folder).arg("in.npy").env("SARTOR_MAX_LEVEL", strange).assert().code(1).stderr(contains("panicked").not());
    program(&folder).args([std::ffi::OsStr::from_bytes(b"--x\xff")]).assert().code(2);
}
