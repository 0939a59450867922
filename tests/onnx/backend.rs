//! The ONNX project's backend tests, and idioms of exporters. Each is computed right by all engines, or refused as the list says.

use std::fmt::Write;
use std::path::Path;

use sartor::kernels::report;
use sartor::models::import::ImportError;

use crate::case::{Case, cases, idioms};

/// The answers were computed in f32, by other kernels.
const TOLERANCE: f64 = 2e-5;

/// The folders of cases.
pub const SUITES: [Suite; 4] = [Suite("node"), Suite("pytorch-converted"), Suite("pytorch-operator"), Suite("idioms")];

/// A folder of cases.
pub struct Suite(&'static str);

impl Suite {
    /// Its cases, in order.
    pub fn cases(&self) -> Vec<Case> {
        let cases = if self.0 == "idioms" { idioms() } else { cases(self.0) };
        assert!(cases.len() > 20, "{} has {} cases", self.0, cases.len());
        cases
    }
}

/// The cases that are refused, with the reasons.
const LIST: &str = "tests/onnx/refused.txt";

/// The first line of a reason, without the file's path.
fn reason(error: &ImportError) -> String {
    match error {
        ImportError::Unsupported { refusals, .. } => format!("{}: {}", refusals[0].operator, refusals[0].reason),
        ImportError::Format { reason, .. } => reason.clone(),
        other => other.to_string().split(": ").skip(1).collect::<Vec<_>>().join(": "),
    }
}

/// The distance allowed, of the largest value: [`TOLERANCE`], or what ONNX allows where a case's answers were written with four digits.
pub fn tolerance(name: &str) -> f64 {
    if name == "node/test_averagepool_2d_ceil_last_window_starts_on_pad" { 1e-3 } else { TOLERANCE }
}

/// Writes the list anew if `UPDATE_REFUSED` is set, else compares.
#[test]
fn cases_are_right_or_refused_as_listed() {
    let (mut right, mut checks, mut list, mut wrong) = (0, 0, String::new(), String::new());
    for suite in SUITES {
        for case in suite.cases() {
            let name = case.name();
            match case.import() {
                Err(error) => writeln!(list, "{name}: {}", reason(&error)).unwrap(),
                Ok(imported) => match case.question(&imported).check(tolerance(&name)) {
                    Ok(checked) => {
                        right += 1;
                        checks += checked;
                    }
                    Err(why) if why.starts_with("compiler") => {
                        writeln!(list, "{name}: {}", why.lines().next().unwrap_or("")).unwrap()
                    }
                    Err(why) => writeln!(wrong, "{name}: {why}").unwrap(),
                },
            }
        }
    }
    assert!(wrong.is_empty(), "wrong:\n{wrong}");
    report::checked("portable", checks, "ONNX's backend tests");
    println!("{right} cases are right, {} are refused", list.lines().count());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LIST);
    if std::env::var_os("UPDATE_REFUSED").is_some() {
        std::fs::write(&path, &list).unwrap();
    }
    let listed = std::fs::read_to_string(&path).unwrap_or_default();
    let changed: Vec<&str> = list.lines().filter(|line| !listed.lines().any(|old| old == *line)).collect();
    let stale: Vec<&str> = listed.lines().filter(|line| !list.lines().any(|new| new == *line)).collect();
    assert!(changed.is_empty() && stale.is_empty(), "refused, but not in {LIST}: {changed:#?}\nno longer so: {stale:#?}");
}
