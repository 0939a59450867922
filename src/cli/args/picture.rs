//! Pictures as input: which ones, and how they are prepared.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sartor::Network;
use sartor::data::image;
use sartor::data::image::{Fault, Input, Interpolation, Preprocess, Preset};
use sartor::models::escape;
use sartor::models::zoo::Spec;

use crate::cli::failure::Failure;

/// The arguments that say which pictures are read and how they are prepared.
#[derive(Args)]
pub struct Pictures {
    /// A JPEG or PNG picture. Give several by repeating the option; they are run as one batch
    #[arg(long = "image", value_name = "F")]
    paths: Vec<PathBuf>,
    /// Prepare pictures as these weights of torchvision need them
    #[arg(long, value_enum, conflicts_with = "input")]
    preset: Option<PresetName>,
    /// Before cropping, resize the picture so that it covers a square of N by N pixels
    #[arg(long, value_name = "N", conflicts_with = "input")]
    resize: Option<usize>,
    /// How to resize; always with antialiasing, as in Pillow [default: the preset's, or bilinear]
    #[arg(long, value_enum, conflicts_with = "input")]
    interpolation: Option<Filter>,
    /// The mean to subtract from each channel, for values in 0..1
    #[arg(long, value_name = "R,G,B", value_parser = channels, conflicts_with = "input")]
    mean: Option<[f32; 3]>,
    /// The standard deviation to divide each channel by
    #[arg(long, value_name = "R,G,B", value_parser = channels, conflicts_with = "input")]
    std: Option<[f32; 3]>,
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

#[derive(Clone, Copy, ValueEnum)]
enum PresetName {
    /// IMAGENET1K_V1
    TorchvisionV1,
    /// IMAGENET1K_V2
    TorchvisionV2,
}

#[derive(Clone, Copy, ValueEnum)]
enum Filter {
    Bilinear,
    Bicubic,
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

impl Pictures {
    pub fn read(&self, spec: Option<&Spec>, network: &Network) -> Result<Vec<Read>, Failure> {
        let steps = self.steps(spec, network)?;
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

    fn steps(&self, spec: Option<&Spec>, network: &Network) -> Result<Preprocess, Failure> {
        let shape = network.input_shape();
        let mut steps = match (self.preset, spec) {
            (Some(preset), Some(spec)) => preset_steps(preset, spec)?,
            (Some(_), None) => {
                let failure = Failure::new("--preset is for networks of the zoo");
                return Err(failure.help("say what an ONNX file takes: --mean and --std, --resize and --interpolation"));
            }
            (None, None) if self.mean.is_none() || self.std.is_none() => {
                let failure = Failure::new("an ONNX file does not say how its pictures were prepared");
                return Err(failure.help(
                    "give --mean and --std as it was trained, for example --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225",
                ));
            }
            (None, Some(spec)) if spec.entry().family == "rexnet_digits" => Preprocess::symmetric(shape.h, shape.w),
            (None, _) => Preprocess::imagenet(shape.h, shape.w),
        };
        if let Some(size) = self.resize {
            steps.cover = (size, size);
        }
        match self.interpolation {
            Some(Filter::Bilinear) => steps.interpolation = Interpolation::Bilinear,
            Some(Filter::Bicubic) => steps.interpolation = Interpolation::Bicubic,
            None => {}
        }
        steps.mean = self.mean.unwrap_or(steps.mean);
        steps.std = self.std.unwrap_or(steps.std);
        if steps.std.iter().any(|std| *std <= 0.0) {
            return Err(Failure::new(format!("--std is {:?}", steps.std)).help("use positive standard deviations"));
        }
        steps.exif = !self.no_exif;
        steps.truncated = self.allow_truncated;
        steps.max_memory = self.max_image_memory.saturating_mul(1 << 20);
        Ok(steps)
    }
}

/// The steps of a preset, if their result has the size of the network's input.
fn preset_steps(name: PresetName, spec: &Spec) -> Result<Preprocess, Failure> {
    let preset = match name {
        PresetName::TorchvisionV1 => Preset::TorchvisionV1,
        PresetName::TorchvisionV2 => Preset::TorchvisionV2,
    };
    let network = spec.to_string();
    let network = network.split('@').next().expect("there is a first part");
    let steps = preset.steps(network)?;
    let ((h, w), (ours_h, ours_w)) = (steps.crop, spec.resolution);
    if steps.crop != spec.resolution {
        let weights = preset.weights();
        let message = format!(
            "for {weights} of {network}, torchvision crops pictures to {h}x{w}, but this network takes {ours_h}x{ours_w}"
        );
        return Err(Failure::new(message).help(format!("name {network}@{h}x{w}")));
    }
    Ok(steps)
}

fn channels(text: &str) -> Result<[f32; 3], String> {
    let values: Result<Vec<f32>, _> = text.split(',').map(|part| part.trim().parse::<f32>()).collect();
    let values = values.ok().filter(|values| values.iter().all(|value| value.is_finite()));
    values.and_then(|values| values.try_into().ok()).ok_or_else(|| "give three numbers, such as 0.5,0.5,0.5".into())
}
