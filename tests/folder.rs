//! `sartor run NETWORK FOLDER`: a row for each picture, whatever happens on the way.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use predicates::str::contains;
use sartor::models::{Builder, Op, Reduction, Shape, Weights, export};
use serde_json::Value;

mod common;
use common::{Folder, cache, fails, json, sartor};

const COFFEE: &str = "tests/pictures/files/photos/coffee.jpg";

/// A folder of pictures: five digits, a photograph, a file that is none, and one whose name is hard to write.
fn pictures() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("sub")).unwrap();
    for digit in [0, 3, 4, 7, 9] {
        std::fs::copy(format!("examples/digit-{digit}.png"), folder.path(&format!("sub/{digit}.png"))).unwrap();
    }
    std::fs::copy(COFFEE, folder.path("a \"b\", c.JPG")).unwrap();
    folder.file("bad.jpg", b"not a picture");
    folder.file("notes.txt", b"no picture");
    folder
}

fn run(folder: &Folder, more: &[&str]) -> std::process::Output {
    sartor().args(["run", "rexnet_digits", &folder.path("")]).args(more).output().unwrap()
}

#[test]
fn every_picture_has_a_row_in_the_order_of_paths() {
    let (folder, out) = (pictures(), Folder::new());
    let file = out.path("rows.jsonl");
    let done = run(&folder, &["--output", &file, "--top", "2", "--json"]);
    assert_eq!(done.status.code(), Some(2), "{done:?}");
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&report["pictures"], &report["failed"], &report["before"]), (&7.into(), &1.into(), &0.into()));
    let rows = std::fs::read_to_string(&file).unwrap();
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let paths: Vec<&str> = rows.iter().map(|row| row["path"].as_str().unwrap()).collect();
    assert!(paths.is_sorted() && paths.len() == 7, "{paths:?}");
    assert_eq!(rows[1]["error"], "not a JPEG or PNG picture");
    for (row, digit) in rows[2..].iter().zip([0, 3, 4, 7, 9]) {
        let alone: Value = json(&["run", "rexnet_digits", "--image", row["path"].as_str().unwrap(), "--json"]);
        assert_eq!((&row["top"][0]["class"], &alone["top"][0][0]["class"]), (&digit.into(), &digit.into()));
        let [ours, theirs] = [&row["top"][0], &alone["top"][0][0]].map(|guess| guess["probability"].as_f64().unwrap());
        assert!((ours - theirs).abs() < 1e-6);
    }
    assert_eq!(out.entries(), 1, "nothing else is left");
    // The same rows on stdout and on other numbers of threads, and those of a list and of a pattern.
    let csv = run(&folder, &["--threads", "1"]).stdout;
    assert_eq!(csv, run(&folder, &["--threads", "5"]).stdout);
    let text = String::from_utf8(csv).unwrap();
    assert!(text.starts_with("path,error,class,name,probability,class2,name2,"), "{text}");
    assert!(text.contains("\"\"b\"\", c.JPG\","), "{text}");
    let list = out.file("list", format!("{}\n{}\n", folder.path("sub/7.png"), folder.path("sub/0.png")).as_bytes());
    let (of_list, pattern) = (out.path("l.csv"), out.path("p.csv"));
    sartor().args(["run", "rexnet_digits", &list, "--output", &of_list]).assert().success();
    let both = [&folder.path("**/7.*"), &folder.path("s?b/0.png")];
    sartor().args(["run", "rexnet_digits", both[0], both[1], "--output", &pattern]).assert().success();
    assert_eq!(std::fs::read(of_list).unwrap(), std::fs::read(pattern).unwrap());
}

#[test]
fn what_cannot_be_done_says_why() {
    let folder = pictures();
    let run = |more: &[&str], parts: &[&str]| fails(&[&["run", "rexnet_digits"], more].concat(), parts);
    let notes = folder.path("sub");
    run(&[&folder.path("missing")], &["missing: No such file"]);
    run(&[&folder.path("*.gif")], &["*.gif: no picture is there"]);
    run(&[&folder.file("binary", &[0xff, 0, 1])], &["binary: this is no picture, and no list"]);
    run(&[&notes, "--output", "rows.txt"], &["rows.txt", ".csv or .jsonl"]);
    run(&[&notes, "--output", "/nowhere/rows.csv"], &["/nowhere/rows.csv.partial", "No such file"]);
    run(&[&notes, "--threads", "0"], &["--threads is 0"]);
    run(&[&notes, "--no-head"], &["one score a class"]);
}

/// A folder of the same photograph many times.
fn many(count: usize) -> Folder {
    let folder = Folder::new();
    std::fs::copy(COFFEE, folder.path("0000.jpg")).unwrap();
    (1..count).for_each(|i| std::fs::hard_link(folder.path("0000.jpg"), folder.path(&format!("{i:04}.jpg"))).unwrap());
    folder
}

/// The network's own softmax is not taken again.
#[test]
fn probabilities_of_a_network_that_ends_in_softmax_are_its_outputs() {
    let folder = Folder::new();
    let mut builder = Builder::new("shares", Shape::new(3, 32, 32)).unwrap();
    let mean = builder.add("mean", Op::Reduce(Reduction::Mean), &[builder.input()]).unwrap();
    let linear = builder.add("linear", Op::Linear { out: 4, bias: true }, &[mean]).unwrap();
    let shares = builder.add("shares", Op::Softmax { log: false }, &[linear]).unwrap();
    let network = builder.finish(&[shares]).unwrap();
    let bytes = export::onnx(&network, &Weights::random(&network, 1), 1).unwrap();
    let (file, output) = (folder.file("shares.onnx", &bytes), folder.path("out.npy"));
    let preprocess = folder.file("p.json", br#"{"resize": 32, "crop": 32, "mean": [0, 0, 0], "std": [1, 1, 1]}"#);
    let with = ["run", &file, "--preprocess", &preprocess, "--engine", "generic", "--json"];
    let report: Value = json(&[&with[..], &["--image", COFFEE, "--output", &output]].concat());
    let outputs = sartor::data::npy::read(output.as_ref()).unwrap().1;
    let top = &report["top"][0];
    assert_eq!(top.as_array().unwrap().len(), 4);
    for guess in top.as_array().unwrap() {
        let class = guess["class"].as_u64().unwrap() as usize;
        assert_eq!(guess["probability"], f64::from(outputs[class]));
    }
    let rows = folder.path("rows.jsonl");
    json::<Value>(&[&with[..], &["--output", &rows, COFFEE]].concat());
    let row: Value = serde_json::from_str(&std::fs::read_to_string(&rows).unwrap()).unwrap();
    let (found, expected) = (&row["top"][0]["probability"], &top[0]["probability"]);
    assert!((found.as_f64().unwrap() - expected.as_f64().unwrap()).abs() < 1e-6, "{found} {expected}");
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let (folder, out) = (many(1500), Folder::new());
    let arguments =
        |file: &str| ["run", "rexnet_digits", &folder.path(""), "--engine", "generic", "--output", file].map(str::to_owned);
    let (whole, killed) = (out.path("whole.csv"), out.path("killed.csv"));
    sartor().args(arguments(&whole)).assert().success();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sartor"));
    child.env("SARTOR_CACHE", cache()).args(arguments(&killed)).args(["--threads", "1"]).stdout(Stdio::null());
    let mut child = child.spawn().unwrap();
    let partial = out.path("killed.csv.partial");
    let begun = Instant::now();
    while std::fs::metadata(&partial).map_or(0, |found| found.len()) < 20_000 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no rows were written");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!Path::new(&killed).exists(), "it was killed in time");
    // One of the pictures is changed meanwhile, to the same: it is done again.
    let bytes = std::fs::read(COFFEE).unwrap();
    std::fs::remove_file(folder.path("0001.jpg")).unwrap();
    folder.file("0001.jpg", &bytes);
    let report: Value =
        json(&arguments(&killed).each_ref().map(String::as_str).into_iter().chain(["--json"]).collect::<Vec<_>>());
    let before = report["before"].as_u64().unwrap();
    assert!((50..1500).contains(&before), "{before} rows were there");
    assert_eq!(std::fs::read(&whole).unwrap(), std::fs::read(&killed).unwrap());
    assert_eq!(out.entries(), 2, "nothing else is left");
}

/// A file that may grow no further is like a full disk.
#[test]
#[cfg(unix)]
fn a_full_disk_loses_nothing() {
    let (folder, out) = (many(200), Folder::new());
    let file = out.path("rows.csv");
    let run = format!(
        "trap '' XFSZ; ulimit -f 8; exec {} run rexnet_digits {} --engine generic --output {file}",
        env!("CARGO_BIN_EXE_sartor"),
        folder.path("")
    );
    let limited = Command::new("bash").args(["-c", &run]).env("SARTOR_CACHE", cache()).output().unwrap();
    let error = String::from_utf8_lossy(&limited.stderr);
    assert_eq!(limited.status.code(), Some(1), "{error}");
    assert!(error.contains("rows.csv.partial: File too large") && error.contains("run the same command again"), "{error}");
    let report: Value = json(&["run", "rexnet_digits", &folder.path(""), "--engine", "generic", "--output", &file, "--json"]);
    assert!((10..200).contains(&report["before"].as_u64().unwrap()), "{report}");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 201);
    sartor().args(["run", "rexnet_digits", &folder.path("*9.jpg")]).assert().success().stdout(contains("0199.jpg"));
}
