//! `sartor list`

use clap::Args;
use sartor::models::zoo;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::print::{print, print_json};
use crate::cli::table::{grouped, table};

/// List the networks of the zoo at their default widths
#[derive(Args)]
#[command(after_help = "Example: sartor list --json")]
pub struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub fn run(self) -> Result<(), Failure> {
        let mut rows = Vec::new();
        for entry in zoo::entries() {
            for spec in entry.defaults() {
                rows.push((entry, spec.build()?));
            }
        }
        if self.json {
            let rows: Vec<_> = rows
                .iter()
                .map(|(entry, network)| {
                    json!({
                        "network": network.name, "input": network.input_shape().to_string(), "parameters": network.param_count(),
                        "macs": network.macs(), "description": entry.description, "source": entry.source,
                    })
                })
                .collect();
            return print_json(&rows);
        }
        print(&table(
            ["network", "input", "parameters>", "MACs>", "what it is"],
            rows.iter().map(|(entry, network)| {
                [
                    network.name.clone(),
                    network.input_shape().to_string(),
                    grouped(network.param_count() as u64),
                    grouped(network.macs()),
                    entry.description.into(),
                ]
            }),
        ))
    }
}
