//! The cases, compiled: many to one crate a level. Those of which each has a kernel that none before it has, at each level; all with
//! `SARTOR_ONNX=all`, as scripts/onnx-compiled.sh sets it.

use std::collections::HashSet;
use std::fmt::Write;

use sartor::codegen::compile;
use sartor::codegen::network::{normalize::normalize, pack::pack};
use sartor::codegen::plan::Plan;
use sartor::codegen::schedule::Options;
use sartor::kernels::report;
use sartor::{Level, Model, Tunings};

use crate::backend::{SUITES, tolerance};
use crate::case::Case;
use crate::common::own_cache;
use crate::question::Question;

/// The cases of a crate.
const TOGETHER: usize = 60;

/// A case that was read.
struct Read {
    name: String,
    question: Question,
}

/// All cases that are not refused.
fn read() -> Vec<Read> {
    let cases = SUITES.iter().flat_map(|suite| suite.cases());
    let read = |case: Case| Some(Read { name: case.name(), question: case.question(&case.import().ok()?) });
    cases.filter_map(read).collect()
}

impl Read {
    /// Its plan, unless the compiler refuses it: `backend.rs` has the list.
    fn plan(&self, level: Level) -> Option<Plan> {
        let layers = normalize(&self.question.network, &self.question.weights).ok()?;
        compile::plan(&layers, &pack(&layers), &Options::new(level)).ok()
    }
}

/// The cases to compile at a level.
fn chosen(cases: &[Read], level: Level, all: bool) -> Vec<&Read> {
    let mut known = HashSet::new();
    let mut is_chosen = |case: &&Read| {
        let Some(plan) = case.plan(level) else { return false };
        plan.kernels.into_iter().fold(all, |new, kernel| known.insert(kernel.name) || new)
    };
    cases.iter().filter(|case| is_chosen(case)).collect()
}

#[test]
fn compiled_cases_give_the_answers() {
    own_cache();
    let all = std::env::var("SARTOR_ONNX").is_ok_and(|value| value == "all");
    let cases = read();
    let mut wrong = String::new();
    for level in Level::ALL.into_iter().filter(|&level| report::can_run(level, "compiled ONNX cases")) {
        let chosen = chosen(&cases, level, all);
        let (mut right, mut checks) = (0, 0);
        for batch in chosen.chunks(TOGETHER) {
            let networks: Vec<_> = batch.iter().map(|case| (&case.question.network, &case.question.weights)).collect();
            let models = Model::open_together(&networks, level, &Tunings::none()).unwrap_or_else(|e| panic!("{level}: {e}"));
            for (case, model) in batch.iter().zip(&models) {
                match case.question.check_compiled(model, tolerance(&case.name)) {
                    Ok(checked) => (right, checks) = (right + 1, checks + checked),
                    Err(why) => writeln!(wrong, "{} at {level}: {why}", case.name).unwrap(),
                }
            }
        }
        println!("{level}: {right} of {} compiled cases are right; {} were read", chosen.len(), cases.len());
        assert!(right > 100, "{level}: only {right} cases were compiled");
        report::checked(level.name(), checks, "compiled ONNX cases");
    }
    assert!(wrong.is_empty(), "wrong:\n{wrong}");
}
