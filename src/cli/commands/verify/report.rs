//! Prints verdicts.

use sartor::Level;
use sartor::judge::verify::Verdict;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::print::{print, print_json};
use crate::cli::table::table;

/// Prints the verdicts at each level; as JSON, together with `facts`, if these are given. Fails if a check failed.
pub fn report(
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
        print_json(&facts)?;
    } else {
        for (level, verdicts) in judged {
            let rows = table(
                ["layer", "problem", "kernel", "largest error>", "bound>", "from the network>", "bound>", "verdict"],
                verdicts.iter().map(row),
            );
            print(&format!("{}\n\n{rows}\n", head(*level)))?;
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::new(format!("{failed} of {} checks failed", all().count()))),
    }
}

fn row(verdict: &Verdict) -> [String; 8] {
    let text = match (&verdict.fault, verdict.holds()) {
        (Some(fault), _) => format!("FAILED: {fault}"),
        (None, true) => "ok".into(),
        (None, false) => "FAILED".into(),
    };
    let number = |value: f64| format!("{value:.1e}");
    let (layer, network) = (verdict.layer, verdict.network);
    [
        verdict.name.clone(),
        verdict.problem.clone(),
        verdict.kernel.clone(),
        number(layer.error),
        number(layer.bound),
        number(network.error),
        number(network.bound),
        text,
    ]
}

/// A verdict as JSON. Errors that are not finite become null.
fn layer(verdict: &Verdict) -> serde_json::Value {
    json!({
        "name": verdict.name, "problem": verdict.problem, "kernel": verdict.kernel, "error": verdict.layer.error,
        "bound": verdict.layer.bound, "network_error": verdict.network.error, "network_bound": verdict.network.bound,
        "fault": verdict.fault, "ok": verdict.holds(),
    })
}
