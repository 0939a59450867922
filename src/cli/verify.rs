//! `sartor verify`

use clap::Args;
use sartor::Level;
use serde_json::json;

use super::failure::Failure;
use super::progress;
use super::source::Source;
use super::table::table;

/// Check every layer of the compiled program against the f64 reference
#[derive(Args)]
#[command(after_help = "Example: sartor verify rexnet_x1.0 --level avx2")]
pub struct Verify {
    #[command(flatten)]
    source: Source,
    /// The level [default: the best here]
    #[arg(long)]
    level: Option<Level>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub fn run(self) -> Result<(), Failure> {
        let (network, weights, _) = self.source.load()?;
        let level = super::level::choose(self.level)?;
        let verdicts = progress::spin(format!("verifying {} on {level}", network.name), || {
            sartor::verify::verify(&network, &weights, level)
        })?;
        let failed = verdicts.iter().filter(|verdict| !verdict.holds()).count();
        if self.json {
            super::print_json(&json!({"network": network.name, "level": level.name(), "failed": failed, "layers": verdicts}))?;
        } else {
            let rows = verdicts.iter().map(|v| {
                let verdict = if v.holds() { "ok" } else { "FAILED" };
                [
                    v.name.clone(),
                    v.problem.clone(),
                    v.kernel.clone(),
                    format!("{:.2e}", v.error),
                    format!("{:.2e}", v.bound),
                    verdict.into(),
                ]
            });
            super::print(&table(["layer", "problem", "kernel", "largest error>", "bound>", "verdict"], rows))?;
        }
        match failed {
            0 => Ok(()),
            _ => Err(Failure::new(format!("{failed} of {} layers are outside their bounds", verdicts.len()))),
        }
    }
}
