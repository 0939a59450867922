//! The tuning file that a command uses, and which convolutions it computes by other sums.

use std::path::PathBuf;

use clap::Args;
use sartor::Tunings;

use crate::cli::failure::Failure;
use crate::cli::print::warn;

/// The arguments that say how a network is planned.
#[derive(Args)]
pub struct TuningArgs {
    /// A file that `sartor tune` wrote [default: the file that it writes by default, and the tunings shipped with sartor]
    #[arg(long, value_name = "F.json")]
    tuning: Option<PathBuf>,

    /// Compute no 3x3 convolution by Winograd's tiles, which take fewer products and add up in another order
    #[arg(long)]
    no_winograd: bool,
}

impl TuningArgs {
    /// The tunings to plan with. If the default file cannot be used, it is reported and left out: a network can be compiled without it.
    pub fn load(&self) -> Result<Tunings, Failure> {
        if let Some(path) = &self.tuning {
            return Ok(Tunings::load(path)?.with_winograd(!self.no_winograd));
        }
        let (tunings, error) = Tunings::installed();
        if let Some(error) = error {
            warn(&format!("{error}; it is ignored"));
        }
        Ok(tunings.with_winograd(!self.no_winograd))
    }
}
