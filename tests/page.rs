//! The page of `sartor explain --html` in a real browser: its script runs, draws every stage, and describes the stage under the pointer.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use sartor::Level;
use sartor_kernels::report::{checked, skipped};
use serde_json::Value;

/// Writes the page of `rexnet_digits` and returns what the command printed as JSON.
fn explain(page: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_sartor"))
        .args(["explain", "rexnet_digits", "--runs", "5", "--json", "--html"])
        .arg(page)
        .env("SARTOR_CACHE", common::cache())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|file| file.exists())
}

/// What headless Chromium prints for a page.
fn browse(browser: &Path, profile: &Path, args: &[&str], url: &str) -> String {
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--virtual-time-budget=2000",
            "--window-size=1280,1600",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(args)
        .arg(url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_browser_shows_every_stage_and_what_is_pointed_at() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let explained = explain(&page);
    let stages = explained["stages"].as_array().unwrap();
    assert!(stages.len() > 10);
    for stage in stages {
        let by = stage["bound_by"].as_str().unwrap();
        let (us, explained) = (stage["bounds"][0]["us"].as_f64().unwrap(), stage["explained"].as_f64().unwrap());
        assert!(us > 0.0 && explained > 0.0, "{stage}");
        assert_eq!(by == "unexplained", explained < 0.6, "{stage}");
    }
    let level = Level::best().unwrap();
    checked(level.name(), stages.len(), "stages explained");

    let Some(browser) = chromium() else {
        return skipped("the page in a browser", "chromium is not installed, see scripts/setup-chromium.sh");
    };
    let url = format!("file://{}#stage-1", page.display());
    let dom = browse(&browser, &folder.path().join("profile"), &["--dump-dom"], &url);
    // The template holds the figures as JSON; what the script draws is in front of that.
    let (drawn, _) = dom.split_once("<script type=\"application/json\"").unwrap();
    assert!(drawn.contains("<h1 id=\"title\">rexnet_digits</h1>"), "the script did not run");
    assert_eq!(drawn.matches("class=\"stage\"").count(), stages.len());
    let useful = stages.iter().filter(|stage| stage["macs"].as_u64() > Some(0)).count();
    assert_eq!(drawn.matches("<circle").count(), useful);
    assert!(!drawn.contains("NaN") && !drawn.contains("undefined"), "a figure is missing");
    let (_, tip) = drawn.split_once("id=\"tip\"").unwrap();
    let problem = stages[1]["layers"][0]["problem"].as_str().unwrap();
    assert!(tip.contains(problem.split_once("_n\"").unwrap().0), "the stage pointed at shows its problem");

    let picture = folder.path().join("page.png");
    let shot = format!("--screenshot={}", picture.display());
    browse(&browser, &folder.path().join("profile"), &[&shot], &url);
    let image = image::open(&picture).unwrap().to_rgb8();
    assert!(image.width() == 1280 && image.height() == 1600);
    let background = image.get_pixel(2, 2);
    let drawn = image.pixels().filter(|&pixel| pixel != background).count();
    assert!(drawn > 20_000, "the page is all but empty: {drawn} pixels drawn");
}
