//! Pictures as input: which ones, and what is done with what is unusual about them.

use std::path::PathBuf;

use clap::Args;
use sartor::data::image;
use sartor::data::image::{Fault, Input, Preprocess};
use sartor::models::escape;

use crate::cli::failure::Failure;

/// The arguments that say which pictures are read.
#[derive(Args)]
pub struct PictureArgs {
    /// A JPEG or PNG picture. Give several by repeating the option; they are run as one batch
    #[arg(long = "image", value_name = "F")]
    paths: Vec<PathBuf>,
    /// Do not turn the picture upright: ignore its EXIF orientation
    #[arg(long, conflicts_with = "input")]
    no_exif: bool,
    /// Accept a picture that is cut short, with grey in place of the missing part
    #[arg(long, conflicts_with = "input")]
    allow_truncated: bool,
    /// The memory that decoding and resizing a picture may take, in MiB
    #[arg(long, value_name = "MIB", default_value_t = image::MAX_MEMORY >> 20, conflicts_with = "input")]
    max_image_memory: u64,
}

/// A picture that was read, and how it was prepared.
pub struct Read {
    pub path: PathBuf,
    pub steps: Preprocess,
    pub input: Input,
}

impl Read {
    /// The steps of its preparation.
    pub fn describe(&self) -> String {
        let Self { path, steps, input } = self;
        let mut text = format!("{}: ", escape::path(path));
        if let Some(missing) = &input.missing {
            text += &format!("cut short ({missing}), ");
        }
        match input.orientation {
            image::Orientation::UPRIGHT => {}
            way if steps.exif => text += &format!("turned upright (EXIF orientation {way}), "),
            way => text += &format!("not turned upright (EXIF orientation {way}), "),
        }
        text + &steps.to_string()
    }
}

impl PictureArgs {
    /// The steps, with what these arguments say of unusual pictures.
    pub fn steps(&self, steps: &Preprocess) -> Preprocess {
        Preprocess {
            exif: !self.no_exif,
            truncated: self.allow_truncated,
            max_memory: self.max_image_memory.saturating_mul(1 << 20),
            ..*steps
        }
    }

    /// Reads all pictures.
    pub fn read(&self, steps: &Preprocess) -> Result<Vec<Read>, Failure> {
        let steps = self.steps(steps);
        let read = |path: &PathBuf| match steps.read(path) {
            Ok(input) => Ok(Read { path: path.clone(), steps, input }),
            Err(error) => {
                let failure = Failure::new(error.to_string());
                Err(match error.fault() {
                    Some(Fault::Truncated(_)) => {
                        failure.help("use --allow-truncated to accept it, with grey in place of the missing part")
                    }
                    Some(Fault::Large { .. } | Fault::Memory { limit: Some(_), .. }) => {
                        failure.help("use --max-image-memory MIB to allow more")
                    }
                    _ => failure,
                })
            }
        };
        self.paths.iter().map(read).collect()
    }
}
