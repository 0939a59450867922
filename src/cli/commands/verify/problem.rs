//! `sartor verify --problem`

use clap::Args;
use sartor::Level;
use sartor::codegen::lab::Problem;
use sartor::judge::verify::problem::{compiled, interpret};
use serde_json::json;

use super::report::report;
use crate::cli::args::level;
use crate::cli::failure::Failure;
use crate::cli::progress;

/// The arguments that give a problem.
#[derive(Args)]
pub struct ProblemArgs {
    /// A small network or a layer in one line, as failing tests and `show --json` print it. It is interpreted at all levels,
    /// including those that this CPU lacks
    #[arg(long, value_name = "LINE", conflicts_with_all = ["network", "classes", "weights", "allow_non_finite", "seed", "batch"])]
    pub problem: Option<String>,
    /// Compile the problem with the default plan instead of interpreting it
    #[arg(long, requires = "problem", conflicts_with = "network")]
    pub compiled: bool,
}

/// The most multiply-accumulates and values that are interpreted: these take several seconds.
const MOST_WORK: u64 = 1 << 28;

pub fn run(line: &str, compile: bool, level: Option<Level>, json: bool) -> Result<(), Failure> {
    let problem: Problem = line.parse().map_err(|error| Failure::new(format!("{error}")).help(HELP))?;
    if !compile && problem.work() > MOST_WORK {
        let what = format!("the problem is too large to interpret: it has {} multiply-accumulates and values", problem.work());
        return Err(Failure::new(what).help("use a smaller problem, or --compiled"));
    }
    let levels = match level.or(problem.level) {
        Some(asked) if compile => vec![level::choose(Some(asked))?],
        Some(asked) => vec![asked],
        None if compile => Level::allowed()?.into_iter().rev().collect(),
        None => Level::ALL.into_iter().rev().collect(),
    };
    let mut judged = Vec::new();
    for level in levels {
        let judge = if compile { compiled } else { interpret };
        judged.push((level, progress::spin(format!("verifying the problem at {level}"), || judge(&problem, level))?));
    }
    let how = if compile { "compiled" } else { "interpreted" };
    let head = |level: Level| format!("{problem}\n{how}, level {level}");
    report(head, json.then(|| json!({"problem": problem.to_string(), "compiled": compile})), &judged)
}

const HELP: &str = "write options, the input and a word a node, as \
    'level=avx2 threads=3 fuse=off seed=7 mb2ic3ih9iw9 conv_oc16kh3ph1_bias relu add@2,1', or one layer, as \
    'g1ic64oc384_ih14oh14kh1ph0_iw14ow14kw1pw0_n\"features.8.expand\"'";
