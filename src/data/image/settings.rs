//! What a user says of how pictures become a network's input: a JSON file, or options with the same words.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sartor_models::{Shape, escape};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Interpolation, Preprocess};
use crate::data::labels::Labels;

/// The largest file that is read, in bytes: labels take most of it.
const MAX_BYTES: u64 = 16 << 20;
/// The longest side of a picture that is asked for.
pub const LONGEST_SIDE: usize = 1 << 20;

/// What a user says of how pictures become the input. Everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Height and width that the resized picture must cover. In the file, one number stands for a square.
    #[serde(default, deserialize_with = "resize", skip_serializing_if = "Option::is_none")]
    pub resize: Option<(usize, usize)>,
    /// Height and width of the crop, which are the input's.
    #[serde(default, deserialize_with = "crop", skip_serializing_if = "Option::is_none")]
    pub crop: Option<(usize, usize)>,
    /// How to resize.
    #[serde(default, deserialize_with = "interpolation", skip_serializing_if = "Option::is_none")]
    pub interpolation: Option<Interpolation>,
    /// The mean of each channel, for values in `0..=1`.
    #[serde(default, deserialize_with = "mean", skip_serializing_if = "Option::is_none")]
    pub mean: Option<[f64; 3]>,
    /// The standard deviation of each channel; positive.
    #[serde(default, deserialize_with = "std", skip_serializing_if = "Option::is_none")]
    pub std: Option<[f64; 3]>,
    /// The names of the classes. In the file, a text stands for a file beside it with a name a line.
    #[serde(default, deserialize_with = "labels", skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelsAs>,
}

/// How a settings file gives the names of classes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum LabelsAs {
    /// The names.
    Names(Labels),
    /// A text file with a name a line.
    File(PathBuf),
}

/// How pictures become a network's input, and what its classes are called.
#[derive(Clone, Debug, PartialEq)]
pub struct Pictures {
    /// The steps.
    pub steps: Preprocess,
    /// The names of the classes; none if they are called by their index.
    pub labels: Labels,
}

/// The settings cannot be read, or do not fit the network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A file cannot be read.
    #[error("{}: {source}", escape::path(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not what it should be: which key has which value, and what is valid.
    #[error("{}: {}", escape::path(path), escape::line(what))]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A setting does not fit the network.
    #[error("{0}")]
    Unfit(String),
}

impl Settings {
    /// Reads a JSON file. Labels in another file are read too.
    ///
    /// # Errors
    /// If a file cannot be read; or if a key is unknown or has a value that is not valid.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let io = |source| SettingsError::Io { path: path.into(), source };
        let mut bytes = Vec::new();
        File::open(path).map_err(io)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(SettingsError::File { path: path.into(), what: "settings have at most 16 MiB".into() });
        }
        let mut settings = Self::parse(&bytes).map_err(|what| SettingsError::File { path: path.into(), what })?;
        if let Some(LabelsAs::File(file)) = &settings.labels {
            let file = path.parent().unwrap_or(Path::new("")).join(file);
            let names = Labels::load(&file).map_err(|source| SettingsError::Io { path: file, source })?;
            settings.labels = Some(LabelsAs::Names(names));
        }
        Ok(settings)
    }

    fn parse(json: &[u8]) -> Result<Self, String> {
        // A list would be taken for the keys' values in their order.
        match json.trim_ascii_start() {
            [b'{', ..] => serde_json::from_slice(json).map_err(|error| error.to_string()),
            _ => Err("invalid settings: they are a JSON object, as in {\"resize\": 256}".into()),
        }
    }

    /// These settings, and for what they leave out the others.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            resize: self.resize.or(others.resize),
            crop: self.crop.or(others.crop),
            interpolation: self.interpolation.or(others.interpolation),
            mean: self.mean.or(others.mean),
            std: self.std.or(others.std),
            labels: self.labels.or(others.labels),
        }
    }

    /// The steps for a network whose input has this shape. What the settings leave out is as in `usual`.
    ///
    /// # Errors
    /// If the input has not three channels, the crop is not the input's size, or pictures are resized to less than that.
    pub fn over(self, usual: &Preprocess, input: Shape) -> Result<Pictures, SettingsError> {
        let unfit = |what: String| Err(SettingsError::Unfit(what));
        if input.c != 3 {
            return unfit(format!("the network's input is {input}, and pictures have 3 channels: give it a tensor instead"));
        }
        let (crop, (h, w)) = (self.crop.unwrap_or((input.h, input.w)), (input.h, input.w));
        if crop != (h, w) {
            return unfit(format!("crop is {}x{}, but the network's input is {h}x{w}: crop to that", crop.0, crop.1));
        }
        let cover = self.resize.unwrap_or(usual.cover);
        if cover.0 < h || cover.1 < w {
            let (height, width) = cover;
            return unfit(format!("resize is {height}x{width}, too small for a crop of {h}x{w}: resize to {h}x{w} or more"));
        }
        let single = |values: Option<[f64; 3]>, usual: [f32; 3]| values.map_or(usual, |values| values.map(|value| value as f32));
        let steps = Preprocess {
            cover,
            crop,
            interpolation: self.interpolation.unwrap_or(usual.interpolation),
            mean: single(self.mean, usual.mean),
            std: single(self.std, usual.std),
            ..*usual
        };
        Ok(Pictures { steps, labels: self.names()? })
    }

    /// Whether the settings say nothing of how pictures are prepared. They may name classes.
    pub fn says_nothing(&self) -> bool {
        Self { labels: None, ..self.clone() } == Self::default()
    }

    /// The names of the classes; none if the settings have none.
    ///
    /// # Errors
    /// If they are in a file that cannot be read.
    pub fn names(self) -> Result<Labels, SettingsError> {
        match self.labels {
            Some(LabelsAs::Names(names)) => Ok(names),
            Some(LabelsAs::File(path)) => Labels::load(&path).map_err(|source| SettingsError::Io { path, source }),
            None => Ok(Labels::default()),
        }
    }
}

impl From<&Pictures> for Settings {
    /// Settings that leave nothing out, but for labels if there are none.
    fn from(pictures: &Pictures) -> Self {
        let Pictures { steps, labels } = pictures;
        // The shortest decimals, which are the same numbers when they are read again.
        let double = |values: [f32; 3]| values.map(|value| value.to_string().parse().unwrap_or(f64::from(value)));
        Self {
            resize: Some(steps.cover),
            crop: Some(steps.crop),
            interpolation: Some(steps.interpolation),
            mean: Some(double(steps.mean)),
            std: Some(double(steps.std)),
            labels: (!labels.is_empty()).then(|| LabelsAs::Names(labels.clone())),
        }
    }
}

/// Three values for the channels of a picture, if f32 can hold them.
///
/// # Errors
/// If one is not finite. The message says what is valid.
pub fn mean_of(values: [f64; 3]) -> Result<[f64; 3], String> {
    let fits = values.iter().all(|value| (*value as f32).is_finite());
    if fits { Ok(values) } else { Err("give three numbers, such as 0.5,0.5,0.5".into()) }
}

/// The same for standard deviations.
///
/// # Errors
/// If one is not finite, or not positive.
pub fn std_of(values: [f64; 3]) -> Result<[f64; 3], String> {
    let positive = values.iter().all(|value| *value as f32 > 0.0 && (*value as f32).is_finite());
    if positive { Ok(values) } else { Err("give three positive numbers, such as 0.5,0.5,0.5".into()) }
}

/// A value of the file.
struct Given(Value);

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Value::deserialize(from).map(Self)
    }
}

impl Given {
    /// The error for the value: of which key it is, and what would be valid.
    fn fault<E: Error>(&self, key: &str, valid: &str) -> E {
        let shown: String = self.0.to_string().chars().take(60).collect();
        E::custom(format!("'{key}' is {shown}: {valid}"))
    }
}

fn sides(value: &Value) -> Option<(usize, usize)> {
    let side = |value: &Value| value.as_u64().map(|side| side as usize).filter(|side| (1..=LONGEST_SIDE).contains(side));
    match value {
        Value::Array(sides) => match &sides[..] {
            [h, w] => side(h).zip(side(w)),
            _ => None,
        },
        one => side(one).map(|side| (side, side)),
    }
}

const SIZE: &str = "give a number of pixels from 1 to 1048576, or [height, width], such as [224, 224]";

fn resize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<(usize, usize)>, D::Error> {
    let value = Given::deserialize(from)?;
    sides(&value.0).map(Some).ok_or_else(|| value.fault("resize", SIZE))
}

fn crop<'de, D: Deserializer<'de>>(from: D) -> Result<Option<(usize, usize)>, D::Error> {
    let value = Given::deserialize(from)?;
    sides(&value.0).map(Some).ok_or_else(|| value.fault("crop", SIZE))
}

fn interpolation<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Interpolation>, D::Error> {
    let value = Given::deserialize(from)?;
    let found = Interpolation::ALL.into_iter().find(|known| Some(known.name()) == value.0.as_str());
    found.map(Some).ok_or_else(|| value.fault("interpolation", "give \"bilinear\" or \"bicubic\""))
}

fn channels(value: &Value) -> Option<[f64; 3]> {
    let values: Option<Vec<f64>> = value.as_array()?.iter().map(Value::as_f64).collect();
    values?.try_into().ok()
}

fn mean<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[f64; 3]>, D::Error> {
    let value = Given::deserialize(from)?;
    let found = channels(&value.0).and_then(|values| mean_of(values).ok());
    found.map(Some).ok_or_else(|| value.fault("mean", "give three numbers for values in 0..1, such as [0.485, 0.456, 0.406]"))
}

fn std<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[f64; 3]>, D::Error> {
    let value = Given::deserialize(from)?;
    let found = channels(&value.0).and_then(|values| std_of(values).ok());
    found.map(Some).ok_or_else(|| value.fault("std", "give three positive numbers, such as [0.229, 0.224, 0.225]"))
}

fn labels<'de, D: Deserializer<'de>>(from: D) -> Result<Option<LabelsAs>, D::Error> {
    let value = Given::deserialize(from)?;
    let found = match &value.0 {
        Value::String(file) if !file.is_empty() => Some(LabelsAs::File(file.into())),
        Value::Array(names) => {
            let names: Option<Vec<String>> = names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
            names.and_then(Labels::new).map(LabelsAs::Names)
        }
        _ => None,
    };
    found
        .map(Some)
        .ok_or_else(|| value.fault("labels", "give the names as a list of lines of text, or a file that has a name a line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(text.as_bytes())
    }

    #[test]
    fn every_wrong_value_is_named() {
        let cases = [
            (r#"{"rezise": 3}"#, ["unknown field `rezise`", "`resize`"]),
            (r#"{"resize": 0}"#, ["'resize' is 0", "from 1 to 1048576"]),
            (r#"{"resize": 1048577}"#, ["is 1048577", "from 1 to 1048576"]),
            (r#"{"resize": null}"#, ["is null", "number of pixels"]),
            (r#"{"crop": [224]}"#, ["is [224]", "[height, width]"]),
            (r#"{"crop": -1}"#, ["is -1", "from 1"]),
            (r#"{"interpolation": "nearest"}"#, ["'interpolation' is \"nearest\"", "\"bilinear\" or \"bicubic\""]),
            (r#"{"mean": [1, 2]}"#, ["'mean' is [1,2]", "three numbers"]),
            (r#"{"mean": [1, 2, 1e39]}"#, ["'mean'", "three numbers"]),
            (r#"{"std": [1, 0, 1]}"#, ["'std' is [1,0,1]", "three positive"]),
            (r#"{"std": [1e-60, 1, 1]}"#, ["'std'", "three positive"]),
            (r#"{"labels": [1]}"#, ["'labels' is [1]", "a name a line"]),
            (r#"{"labels": ["a\nb"]}"#, ["'labels'", "lines of text"]),
            (r#"[]"#, ["", "invalid"]),
        ];
        for (text, parts) in cases {
            let error = parse(text).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_left_out_is_as_usual() {
        let usual = Preprocess::imagenet(224, 224);
        let input = Shape::new(3, 224, 224);
        let pictures = parse(r#"{"resize": [230, 240], "mean": [0, 0, 0.25]}"#).unwrap().over(&usual, input).unwrap();
        assert_eq!(pictures.steps, Preprocess { cover: (230, 240), mean: [0.0, 0.0, 0.25], ..usual });
        let first = Settings { crop: Some((1, 2)), ..Settings::default() };
        let both = first.or(parse(r#"{"crop": 5, "labels": ["a"]}"#).unwrap());
        assert_eq!(both.crop, Some((1, 2)));
        assert!(both.labels.is_some());
    }

    #[test]
    fn what_does_not_fit_the_network_is_an_error() {
        let usual = Preprocess::imagenet(224, 224);
        let unfit = |text: &str, input: Shape| parse(text).unwrap().over(&usual, input).unwrap_err().to_string();
        let input = Shape::new(3, 224, 224);
        assert!(unfit(r#"{"crop": 225}"#, input).contains("crop is 225x225, but the network's input is 224x224"));
        assert!(unfit(r#"{"resize": [300, 223]}"#, input).contains("resize is 300x223"));
        assert!(unfit("{}", Shape::new(1, 224, 224)).contains("3 channels"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let names = Labels::new(vec!["cat".into(), "dog".into()]).unwrap();
        let pictures = Pictures { steps: Preprocess::imagenet(32, 48), labels: names };
        let text = serde_json::to_string(&Settings::from(&pictures)).unwrap();
        assert!(text.contains("\"mean\":[0.485,0.456,0.406]"), "{text}");
        let usual = Preprocess::symmetric(32, 48);
        assert_eq!(parse(&text).unwrap().over(&usual, Shape::new(3, 32, 48)).unwrap(), pictures);
    }
}
