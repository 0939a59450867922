//! `sartor export`

use std::path::PathBuf;

use clap::Args;
use sartor::data::export::write_onnx;
use sartor::models::escape;
use sartor::models::export::OPSET;
use serde_json::json;

use crate::cli::args::source::{Source, Sourced};
use crate::cli::failure::Failure;
use crate::cli::print::{print, print_json};
use crate::cli::table::grouped;

/// Write a network with its weights as an ONNX file, for other engines
#[derive(Args)]
#[command(after_help = "Example: sartor export mobilenet_v2_x1.0 --weights mobilenet_v2.safetensors -o mobilenet_v2.onnx")]
pub struct Export {
    #[command(flatten)]
    source: Source,
    /// Images per run
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
    /// The file to write
    #[arg(short, long, value_name = "F.onnx")]
    output: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Export {
    pub fn run(self) -> Result<(), Failure> {
        let Sourced { network, weights, origin, .. } = self.source.load()?;
        let bytes = write_onnx(&self.output, &network, &weights, self.batch)?;
        if self.json {
            return print_json(&json!({
                "network": network.name, "weights": origin.name(), "batch": self.batch, "opset": OPSET,
                "file": self.output.display().to_string(), "bytes": bytes,
            }));
        }
        print(&format!(
            "{}, {} weights, batch {}: ONNX, operators of version {OPSET}\n{}, {} bytes",
            network.name,
            origin.name(),
            self.batch,
            escape::path(&self.output),
            grouped(bytes as u64)
        ))
    }
}
