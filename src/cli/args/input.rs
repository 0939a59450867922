//! The form in which a network takes its input.

use clap::{Args, ValueEnum};
use sartor::data::image::Pictures;
use sartor::models::input::{ChannelOrder, Elements, InputForm, Layout, Normalisation};

/// The arguments that say in which form the network takes its input.
#[derive(Args)]
pub struct InputArgs {
    /// Take pixels, of 0 to 255, as bytes or as f32. The network's first step then divides them by 255, subtracts the mean and
    /// divides by the standard deviation, as far as these are known [default: what preprocessing made, as f32]
    #[arg(long, value_enum, value_name = "TYPE")]
    input_type: Option<Type>,
    /// The order of the input's dimensions
    #[arg(long, value_enum, value_name = "LAYOUT", default_value_t = Dimensions::Nchw)]
    input_layout: Dimensions,
    /// The order of the input's channels
    #[arg(long, value_enum, value_name = "ORDER", default_value_t = Channels::Rgb)]
    input_order: Channels,
}

#[derive(Clone, Copy, ValueEnum)]
enum Type {
    U8,
    F32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Dimensions {
    /// Images, channels, rows, columns
    Nchw,
    /// Images, rows, columns, channels
    Nhwc,
}

#[derive(Clone, Copy, ValueEnum)]
enum Channels {
    /// Red, green, blue
    Rgb,
    /// Blue, green, red
    Bgr,
}

impl InputArgs {
    /// Whether the network takes pixels.
    pub fn takes_pixels(&self) -> bool {
        self.input_type.is_some()
    }

    /// The form, for pictures that are prepared in this way.
    pub fn form(&self, pictures: Option<&Pictures>) -> InputForm {
        let normalisation = |pictures: &Pictures| Normalisation { mean: pictures.steps.mean, std: pictures.steps.std };
        InputForm {
            order: match self.input_order {
                Channels::Rgb => ChannelOrder::Rgb,
                Channels::Bgr => ChannelOrder::Bgr,
            },
            layout: match self.input_layout {
                Dimensions::Nchw => Layout::Nchw,
                Dimensions::Nhwc => Layout::Nhwc,
            },
            elements: match self.input_type {
                Some(Type::U8) => Elements::U8,
                Some(Type::F32) | None => Elements::F32,
            },
            normalisation: if self.takes_pixels() { pictures.map(normalisation) } else { None },
        }
    }
}
