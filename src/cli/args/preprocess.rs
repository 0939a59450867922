//! How pictures become a network's input: a file, a preset, or options.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sartor::Network;
use sartor::data::image::{Interpolation, LONGEST_SIDE, LabelsAs, Pictures, Preprocess, Preset, Settings, mean_of, std_of};
use sartor::models::zoo::Spec;

use crate::cli::failure::Failure;

/// The arguments that say how a picture becomes the network's input.
#[derive(Args)]
pub struct PreprocessArgs {
    /// A file that says how pictures become the input: resize, crop, interpolation, mean, std, labels. See docs/preprocess.md. Options
    /// override it
    #[arg(long, value_name = "F.json")]
    preprocess: Option<PathBuf>,
    /// Prepare pictures as these weights of torchvision need them
    #[arg(long, value_enum)]
    preset: Option<PresetName>,
    /// Before cropping, resize the picture so that it covers a square of N by N pixels, or H by W
    #[arg(long, value_name = "N|HxW", value_parser = size)]
    resize: Option<(usize, usize)>,
    /// The size of the crop, which is the input's
    #[arg(long, value_name = "N|HxW", value_parser = size)]
    crop: Option<(usize, usize)>,
    /// How to resize; always with antialiasing, as in Pillow [default: the preset's, or bilinear]
    #[arg(long, value_enum)]
    interpolation: Option<Filter>,
    /// The mean to subtract from each channel, for values in 0..1
    #[arg(long, value_name = "R,G,B", value_parser = mean)]
    mean: Option<[f64; 3]>,
    /// The standard deviation to divide each channel by
    #[arg(long, value_name = "R,G,B", value_parser = std)]
    std: Option<[f64; 3]>,
    /// A file with the names of the classes, one per line
    #[arg(long, value_name = "F")]
    labels: Option<PathBuf>,
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

impl PreprocessArgs {
    /// What the options say, and for what they leave out the file.
    fn settings(&self) -> Result<Settings, Failure> {
        let own = Settings {
            resize: self.resize,
            crop: self.crop,
            interpolation: self.interpolation.map(|filter| match filter {
                Filter::Bilinear => Interpolation::Bilinear,
                Filter::Bicubic => Interpolation::Bicubic,
            }),
            mean: self.mean,
            std: self.std,
            labels: self.labels.clone().map(LabelsAs::File),
        };
        Ok(match &self.preprocess {
            Some(path) => own.or(Settings::read(path)?),
            None => own,
        })
    }

    /// How pictures become the input; `None` if nothing says so, as for an ONNX file without any of the options.
    pub fn pictures(&self, spec: Option<&Spec>, network: &Network) -> Result<Option<Pictures>, Failure> {
        let shape = network.input_shape();
        let settings = self.settings()?;
        let usual = match (self.preset, spec) {
            (Some(preset), Some(spec)) => preset_steps(preset, spec)?,
            (Some(_), None) => {
                let failure = Failure::new("--preset is for networks of the zoo");
                return Err(
                    failure.help("say what an ONNX file takes: --preprocess, or --mean, --std, --resize and --interpolation")
                );
            }
            (None, None) if settings.says_nothing() => return Ok(None),
            (None, None) if settings.mean.is_none() || settings.std.is_none() => return Err(unknown()),
            (None, Some(spec)) if spec.entry().family == "rexnet_digits" => Preprocess::symmetric(shape.h, shape.w),
            (None, _) => Preprocess::imagenet(shape.h, shape.w),
        };
        Ok(Some(settings.over(&usual, shape)?))
    }

    /// The names of the classes alone.
    pub fn labels(&self) -> Result<sartor::data::labels::Labels, Failure> {
        Ok(self.settings()?.names()?)
    }
}

/// The error where pictures are to be prepared and nothing says how.
pub fn unknown() -> Failure {
    Failure::new("an ONNX file does not say how its pictures were prepared").help(
        "give --preprocess F.json, or --mean and --std as it was trained, for example --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225",
    )
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

fn size(text: &str) -> Result<(usize, usize), String> {
    let side = |text: &str| text.parse::<usize>().ok().filter(|side| (1..=LONGEST_SIDE).contains(side));
    let found = match text.split_once('x') {
        Some((h, w)) => side(h).zip(side(w)),
        None => side(text).map(|side| (side, side)),
    };
    found.ok_or_else(|| format!("give a number of pixels from 1 to {LONGEST_SIDE}, or two, as in 256 or 224x320"))
}

fn channels(text: &str) -> Result<[f64; 3], String> {
    let values: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse::<f64>()).collect();
    values.ok().and_then(|values| values.try_into().ok()).ok_or_else(|| "give three numbers, such as 0.5,0.5,0.5".into())
}

fn mean(text: &str) -> Result<[f64; 3], String> {
    channels(text).and_then(mean_of)
}

fn std(text: &str) -> Result<[f64; 3], String> {
    channels(text).and_then(std_of)
}
