//! The tuning file that a command uses.

use std::path::PathBuf;

use clap::Args;
use sartor::Tunings;

use crate::cli::failure::Failure;
use crate::cli::print::warn;

/// The argument that names a tuning file.
#[derive(Args)]
pub struct TuningArgs {
    /// A file that `sartor tune` wrote [default: the file that it writes by default, and the tunings shipped with sartor]
    #[arg(long, value_name = "F.json")]
    tuning: Option<PathBuf>,
}

impl TuningArgs {
    /// The tunings to plan with. If the default file cannot be used, it is reported and left out: a network can be compiled without it.
    pub fn load(&self) -> Result<Tunings, Failure> {
        if let Some(path) = &self.tuning {
            return Ok(Tunings::load(path)?);
        }
        let (tunings, error) = Tunings::installed();
        if let Some(error) = error {
            warn(&format!("{error}; it is ignored"));
        }
        Ok(tunings)
    }
}
