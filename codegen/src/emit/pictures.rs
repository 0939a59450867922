//! Prints what a crate says of pictures, `src/preprocess.rs`. The crate itself does nothing with it.

use sartor_models::input::InputForm;

use super::text::Text;

/// How a picture becomes the network's input, as a crate says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pictures {
    /// Height and width that the resized picture covers.
    pub resize: (usize, usize),
    /// Height and width of the crop.
    pub crop: (usize, usize),
    /// How it is resized: one word.
    pub interpolation: &'static str,
    /// The mean of each channel.
    pub mean: [f32; 3],
    /// The standard deviation of each channel.
    pub std: [f32; 3],
    /// The names of the classes, each one line; none if they have none.
    pub labels: Vec<String>,
}

/// The file that holds the names of the classes, one a line.
pub const LABELS: &str = "labels.txt";

const HEAD: &str = include_str!("template/preprocess.rs");

/// Prints the file.
pub fn print(pictures: &Pictures, input: &InputForm) -> String {
    let mut text = Text::default();
    HEAD.lines().for_each(|line| text.line(line));
    text.line("");
    text.line("/// The steps for this network.");
    text.block_ending("pub const PREPROCESS: Preprocess = Preprocess", "};", |text| {
        let size = |(height, width): (usize, usize)| format!("[{height}, {width}]");
        let floats = |values: [f32; 3]| values.map(|value| format!("{value:?}")).join(", ");
        text.line(format!("resize: {},", size(pictures.resize)));
        text.line(format!("crop: {},", size(pictures.crop)));
        text.line(format!("interpolation: \"{}\",", pictures.interpolation));
        text.line(format!("mean: [{}],", floats(pictures.mean)));
        text.line(format!("std: [{}],", floats(pictures.std)));
        text.line(format!("inside: {},", input.normalisation.is_some()));
        text.line(format!("order: \"{}\",", input.order.name()));
        text.line(format!("layout: \"{}\",", input.layout.name()));
        text.line(if pictures.labels.is_empty() { "labels: \"\"," } else { "labels: include_str!(\"../labels.txt\")," });
    });
    text.finish()
}
