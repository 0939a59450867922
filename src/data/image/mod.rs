//! Pictures as input of networks: they are decoded, turned upright, resized, cropped and normalised, and become NCHW.

mod decode;
mod decoded;
mod fault;
mod jpeg;
mod memory;
mod orientation;
mod part;
mod picture;
mod png;
mod preprocess;
mod presets;
mod resize;
mod settings;

pub use fault::{Fault, PictureError};
pub use memory::MAX_MEMORY;
pub use orientation::Orientation;
pub use picture::Picture;
pub use preprocess::{Input, Preprocess};
pub use presets::{NoPreset, Preset};
pub use resize::Interpolation;
pub use settings::{LONGEST_SIDE, LabelsAs, Pictures, Settings, SettingsError, mean_of, std_of};
