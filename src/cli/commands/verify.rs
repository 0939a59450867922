//! `sartor verify`

mod problem;

use clap::Args;
use sartor::Level;
use sartor::judge::verify::Verdict;
use serde_json::json;

use crate::cli::args::source::Source;
use crate::cli::failure::Failure;
use crate::cli::progress;
use crate::cli::table::table;

/// Check every layer of the compiled program, or of a problem in one line, against the f64 reference
///
/// Each layer is judged twice, on images of noise: by what it made of what it read, within a bound derived from the roundings of f32;
/// and by the value of the network's node, within what the roundings of all layers before it explain.
#[derive(Args)]
#[command(after_help = "Example: sartor verify rexnet_x1.0 --level avx2
         sartor verify --proof rexnet_digits
         sartor verify --problem 'threads=3 mb2ic3ih9iw9 conv_oc16kh3ph1 relu add@2,1'")]
pub struct Verify {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    problem: problem::ProblemArgs,
    /// The level [default: every level that this machine runs]
    #[arg(long)]
    level: Option<Level>,
    /// Images of a run, each of which is verified; not for a proof, which holds for any number
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "proof")]
    batch: usize,
    /// Run nothing: print what the compiler proves of each kernel and stage, by default at every level
    #[arg(long)]
    proof: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub fn run(self) -> Result<(), Failure> {
        if let Some(line) = &self.problem.problem {
            return problem::run(line, self.problem.compiled, self.level, self.json);
        }
        let (network, weights, origin) = self.source.load()?;
        if self.proof {
            let levels = self.level.map_or(Level::ALL.to_vec(), |level| vec![level]);
            return super::proof::run(&network, &weights, &levels, self.json);
        }
        let levels = match self.level {
            Some(level) => vec![crate::cli::args::level::choose(Some(level))?],
            None => Level::allowed()?.into_iter().rev().collect(),
        };
        let mut judged = Vec::new();
        for level in levels {
            let verdicts = progress::spin(format!("verifying {} at {level}", network.name), || {
                sartor::verify(&network, &weights, level, self.batch)
            })?;
            judged.push((level, verdicts));
        }
        let head = |level: Level| format!("{}, {} weights, level {level}, batch {}", network.name, origin.name(), self.batch);
        let facts = json!({"network": network.name, "weights": origin.name(), "batch": self.batch});
        report(head, self.json.then_some(facts), &judged)
    }
}

/// Prints what was found at each level, as JSON together with `facts` if there are any; fails if a verdict is against the program.
fn report(
    head: impl Fn(Level) -> String,
    facts: Option<serde_json::Value>,
    judged: &[(Level, Vec<Verdict>)],
) -> Result<(), Failure> {
    let all = || judged.iter().flat_map(|(_, verdicts)| verdicts);
    let failed = all().filter(|verdict| !verdict.holds()).count();
    if let Some(mut facts) = facts {
        let level = |(level, verdicts): &(Level, Vec<Verdict>)| json!({"level": level.name(), "layers": verdicts.iter().map(layer).collect::<Vec<_>>()});
        facts["failed"] = failed.into();
        facts["levels"] = judged.iter().map(level).collect();
        crate::cli::print_json(&facts)?;
    } else {
        for (level, verdicts) in judged {
            let rows = table(
                ["problem", "kernel", "largest error>", "bound>", "from the network>", "bound>", "verdict"],
                verdicts.iter().map(row),
            );
            crate::cli::print(&format!("{}\n\n{rows}\n", head(*level)))?;
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::new(format!("{failed} of {} verdicts are against the program", all().count()))),
    }
}

fn row(verdict: &Verdict) -> [String; 7] {
    let text = match (&verdict.fault, verdict.holds()) {
        (Some(fault), _) => format!("FAILED: {fault}"),
        (None, true) => "ok".into(),
        (None, false) => "FAILED".into(),
    };
    let number = |value: f64| format!("{value:.1e}");
    let (layer, network) = (verdict.layer, verdict.network);
    [
        verdict.problem.clone(),
        verdict.kernel.clone(),
        number(layer.error),
        number(layer.bound),
        number(network.error),
        number(network.bound),
        text,
    ]
}

/// An error that is not finite is null.
fn layer(verdict: &Verdict) -> serde_json::Value {
    json!({
        "name": verdict.name, "problem": verdict.problem, "kernel": verdict.kernel, "error": verdict.layer.error,
        "bound": verdict.layer.bound, "network_error": verdict.network.error, "network_bound": verdict.network.bound,
        "fault": verdict.fault, "ok": verdict.holds(),
    })
}
