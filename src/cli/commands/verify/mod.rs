//! `sartor verify`

mod problem;
mod proof;
mod report;

use clap::Args;
use sartor::Level;
use serde_json::json;

use crate::cli::args::source::{Source, Sourced};
use crate::cli::failure::Failure;
use crate::cli::progress;
use report::report;

/// Compare every layer of the compiled program, or of a problem in one line, with the f64 reference
///
/// Each layer is checked twice, on images of noise. Its result is compared with what the exact operator makes of the same
/// sources, within a bound that is derived from the roundings of f32. And it is compared with the exact value of the network's
/// node, within a bound that covers the roundings of all layers before it.
#[derive(Args)]
#[command(after_help = "Example: sartor verify rexnet_x1.0 --level avx2
         sartor verify --proof rexnet_digits
         sartor verify --problem 'threads=3 mb2ic3ih9iw9 conv_oc16kh3ph1 relu add@2,1'")]
pub struct Verify {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    problem: problem::ProblemArgs,
    /// The level [default: every level that this CPU has]
    #[arg(long)]
    level: Option<Level>,
    /// Images per run, all of which are verified. Not for a proof, which holds for any number of images
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "proof")]
    batch: usize,
    /// Run nothing: print what the compiler proves of each kernel and each stage, by default at every level
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
        let Sourced { network, weights, origin, .. } = self.source.load()?;
        if self.proof {
            let levels = self.level.map_or(Level::ALL.to_vec(), |level| vec![level]);
            return proof::run(&network, &weights, &levels, self.json);
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
