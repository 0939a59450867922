//! `sartor verify`

use clap::Args;
use sartor::Level;
use sartor::verify::Verdict;
use serde_json::json;

use super::failure::Failure;
use super::progress;
use super::source::Source;
use super::table::table;

/// Check every layer of the compiled program against the f64 reference
///
/// Each layer is judged twice, on images of noise: by what it made of what it read, within a bound derived from the roundings of f32;
/// and by the value of the network's node, within what the roundings of all layers before it explain.
#[derive(Args)]
#[command(after_help = "Example: sartor verify rexnet_x1.0 --level avx2\n         sartor verify --proof rexnet_digits")]
pub struct Verify {
    #[command(flatten)]
    source: Source,
    /// The level [default: every level that this machine runs]
    #[arg(long)]
    level: Option<Level>,
    /// Images of an inference
    #[arg(long, value_name = "N", default_value_t = 1)]
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
        let (network, weights, origin) = self.source.load()?;
        if self.proof {
            let levels = self.level.map_or(Level::ALL.to_vec(), |level| vec![level]);
            return super::proof::run(&network, &weights, &levels, self.batch, self.json);
        }
        let levels = match self.level {
            Some(level) => vec![super::level::choose(Some(level))?],
            None => Level::allowed()?.into_iter().rev().collect(),
        };
        let mut judged = Vec::new();
        for level in levels {
            let verdicts = progress::spin(format!("verifying {} at {level}", network.name), || {
                sartor::verify::verify(&network, &weights, level, self.batch)
            })?;
            judged.push((level, verdicts));
        }
        let all = || judged.iter().flat_map(|(_, verdicts)| verdicts);
        let failed = all().filter(|verdict| !verdict.holds()).count();
        if self.json {
            let level = |(level, verdicts): &(Level, Vec<Verdict>)| json!({"level": level.name(), "layers": verdicts.iter().map(layer).collect::<Vec<_>>()});
            super::print_json(&json!({
                "network": network.name, "weights": origin.name(), "batch": self.batch, "failed": failed,
                "levels": judged.iter().map(level).collect::<Vec<_>>(),
            }))?;
        } else {
            for (level, verdicts) in &judged {
                let rows = table(
                    ["problem", "kernel", "largest error>", "bound>", "from the network>", "bound>", "verdict"],
                    verdicts.iter().map(row),
                );
                let head = format!("{}, {} weights, level {level}, batch {}", network.name, origin.name(), self.batch);
                super::print(&format!("{head}\n\n{rows}\n"))?;
            }
        }
        match failed {
            0 => Ok(()),
            _ => Err(Failure::new(format!("{failed} of {} verdicts are against the program", all().count()))),
        }
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
