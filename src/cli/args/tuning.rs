//! Which tuning file a command works with.

use std::path::PathBuf;

use clap::Args;
use sartor::Tunings;

use crate::cli::failure::Failure;

/// The argument that names a tuning file.
#[derive(Args)]
pub struct TuningArgs {
    /// A file that `sartor tune` wrote [default: the one it writes by default, and what was shipped]
    #[arg(long, value_name = "F.json")]
    tuning: Option<PathBuf>,
}

impl TuningArgs {
    /// What to plan with. The usual file is only a help: one that cannot be used is reported and left out.
    pub fn load(&self) -> Result<Tunings, Failure> {
        if let Some(path) = &self.tuning {
            return Ok(Tunings::load(path)?);
        }
        let (tunings, error) = Tunings::installed();
        if let Some(error) = error {
            crate::cli::warn(&format!("{error}; it is ignored"));
        }
        Ok(tunings)
    }
}
