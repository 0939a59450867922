//! Random problems, interpreted at every level and held against the f64 reference and against other plans of the same problem:
//! all that `sartor verify --problem` checks. What fails shrinks to a line that it replays.
//!
//! `SARTOR_CASES` is the number of problems, of all levels together.

#[path = "../codegen/src/lab/testing/graphs.rs"]
mod graphs;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use sartor::Level;
use sartor::codegen::lab::Problem;
use sartor::judge::verify::problem::interpret;
use sartor::kernels::report::checked;
use sartor::models::{Node, Op};

/// Problems of all levels together, if `SARTOR_CASES` does not say.
const CASES: usize = 10_000;

/// Counts of what was tried.
#[derive(Default)]
struct Tally {
    problems: AtomicUsize,
    layers: AtomicUsize,
    exact: AtomicUsize,
}

/// Checks a problem at a level. The error is the first verdict that does not hold.
fn judge(problem: &Problem, level: Level, tally: &Tally) -> Result<(), String> {
    let verdicts = interpret(problem, level).map_err(|error| error.to_string())?;
    tally.problems.fetch_add(1, Relaxed);
    tally.layers.fetch_add(verdicts.len(), Relaxed);
    tally.exact.fetch_add(usize::from(problem.is_exact(&problem.weights())), Relaxed);
    match verdicts.iter().find(|verdict| !verdict.holds()) {
        None => Ok(()),
        Some(verdict) => Err(format!("{verdict:#?}")),
    }
}

/// Draws problems for a level until `judge` refuses one. Every run draws the same problems in the same order.
///
/// # Errors
/// The command that replays the smallest failing problem, and what is wrong with it.
fn explore(level: Level, cases: usize, judge: impl Fn(&Problem) -> Result<(), String>) -> Result<(), String> {
    let config = Config { cases: cases as u32, failure_persistence: None, max_shrink_iters: 4000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[1 + level as u8; 32]));
    let outcome = runner.run(&graphs::problem(), |problem| judge(&problem).map_err(TestCaseError::fail));
    outcome.map_err(|error| match error {
        TestError::Fail(why, problem) => {
            let problem = Problem { level: Some(level), ..problem };
            format!("sartor verify --problem '{problem}'\n{why}")
        }
        TestError::Abort(why) => format!("{level}: {why}"),
    })
}

#[test]
fn drawn_problems_are_computed_right_at_every_level() {
    let cases = std::env::var("SARTOR_CASES").map_or(CASES, |cases| cases.parse().expect("SARTOR_CASES: a whole number"));
    let each = cases.div_ceil(Level::ALL.len());
    let outcomes = thread::scope(|scope| {
        let run = |level| {
            let tally = Tally::default();
            let outcome = explore(level, each, |problem| judge(problem, level, &tally));
            (tally, outcome)
        };
        let runs = Level::ALL.map(|level| (level, scope.spawn(move || run(level))));
        runs.map(|(level, run)| (level, run.join().unwrap()))
    });
    for (level, (tally, outcome)) in &outcomes {
        let [problems, layers, exact] = [&tally.problems, &tally.layers, &tally.exact].map(|count| count.load(Relaxed));
        println!("{level}: {problems} problems, {exact} of them of integers without an error, {layers} layers and outputs");
        if outcome.is_ok() {
            checked(level.name(), problems, "problems of the laboratory");
            assert!(problems >= each && exact > problems / 10 && layers > 2 * problems);
        }
    }
    let failed: Vec<&str> = outcomes.iter().filter_map(|(_, (_, outcome))| outcome.as_ref().err().map(String::as_str)).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A made-up defect of depthwise convolutions over more than one image. It shrinks to little more than such a convolution.
#[test]
fn what_fails_shrinks_to_a_line_that_is_replayed() {
    let is_wrong = |problem: &Problem| {
        let is_depthwise = |node: &Node| matches!(node.op, Op::Conv2d(conv) if conv.groups > 1 && conv.groups == node.shape.c);
        problem.batch > 1 && problem.network.nodes().iter().any(is_depthwise)
    };
    let judge = |problem: &Problem| if is_wrong(problem) { Err("a defect".into()) } else { Ok(()) };
    let found = explore(Level::Neon, 1000, judge).unwrap_err();
    println!("{found}");
    let line = found.strip_prefix("sartor verify --problem '").and_then(|rest| rest.split_once("'\n")).unwrap().0;
    let problem: Problem = line.parse().unwrap();
    assert!(is_wrong(&problem) && problem.level == Some(Level::Neon));
    assert!(problem.network.nodes().len() <= 4 && problem.batch == 2 && problem.threads == 1, "{problem}");
}
