//! Finds text in a picture with PaddleOCR's detector, and draws a box around each piece.
//!
//! usage: text_boxes DETECTOR.onnx PICTURE OUTPUT.png
//!
//! The detector is `ch_PP-OCRv4_det_infer.onnx` of the Python package rapidocr-onnxruntime (Apache 2.0). It answers with the probability of
//! text at each pixel; what becomes of that is this example's: "Real-time Scene Text Detection with Differentiable Binarization" (Liao et al.,
//! 2020), section 3.5, with upright boxes.

use std::error::Error;
use std::path::Path;

use image::{Rgb, RgbImage};
use sartor::models::import::{self, ImportOptions};
use sartor::{Level, Model};

/// Pixels with at least this probability are text.
const THRESHOLD: f32 = 0.3;
/// Pieces whose pixels have a lower mean probability are left out.
const LEAST_SCORE: f32 = 0.5;
/// The network marks the core of a line. A box grows by its area times this by its perimeter.
const UNCLIP: f32 = 1.6;
/// The network's strides divide rows and columns.
const MULTIPLE: u32 = 32;

/// A box, in pixels of the picture.
#[derive(Clone, Copy, Debug)]
pub struct TextBox {
    /// The first column.
    pub left: u32,
    /// The first row.
    pub top: u32,
    /// The last column.
    pub right: u32,
    /// The last row.
    pub bottom: u32,
    /// The mean probability of its pixels.
    pub score: f32,
}

/// The boxes around all text of a picture, from the top.
///
/// # Errors
/// If the file is not read or the network is not compiled.
pub fn find(detector: &Path, picture: &RgbImage) -> Result<Vec<TextBox>, Box<dyn Error>> {
    let (height, width) = (picture.height().next_multiple_of(MULTIPLE), picture.width().next_multiple_of(MULTIPLE));
    let options = ImportOptions::default().with_input_shape(&format!("x=1,3,{height},{width}"))?;
    let imported = import::onnx(detector, &options)?;
    let model = Model::open(&imported.network, &imported.weights, Level::best()?)?;
    let mut answer = vec![0.0; model.program().output_len()];
    model.session(2)?.run(&normalised(picture, height, width), &mut answer)?;
    let mut boxes = pieces(&answer, width as usize);
    boxes.iter_mut().for_each(|piece| *piece = grown(*piece, picture));
    boxes.sort_by_key(|piece| (piece.top, piece.left));
    Ok(boxes)
}

/// Blue, green, red from -1 to 1, channel by channel; white below and beside the picture.
fn normalised(picture: &RgbImage, height: u32, width: u32) -> Vec<f32> {
    let value = |channel: usize, y: u32, x: u32| {
        let pixel = picture.get_pixel_checked(x, y).unwrap_or(&Rgb([255; 3]));
        f32::from(pixel.0[2 - channel]) / 127.5 - 1.0
    };
    (0..3).flat_map(|channel| (0..height).flat_map(move |y| (0..width).map(move |x| value(channel, y, x)))).collect()
}

/// Connected pieces of text in a map of probabilities.
fn pieces(map: &[f32], width: usize) -> Vec<TextBox> {
    let mut seen = vec![false; map.len()];
    let mut found = Vec::new();
    for start in 0..map.len() {
        let mut open = vec![start];
        let mut pixels = Vec::new();
        while let Some(at) = open.pop() {
            if map[at] < THRESHOLD || std::mem::replace(&mut seen[at], true) {
                continue;
            }
            pixels.push(at);
            let (y, x) = (at / width, at % width);
            open.extend([(y > 0).then(|| at - width), (at + width < map.len()).then(|| at + width)].into_iter().flatten());
            open.extend([(x > 0).then(|| at - 1), (x + 1 < width).then(|| at + 1)].into_iter().flatten());
        }
        let score = pixels.iter().map(|&at| map[at]).sum::<f32>() / pixels.len().max(1) as f32;
        if score < LEAST_SCORE {
            continue;
        }
        let (columns, rows) = (|| pixels.iter().map(|at| (at % width) as u32), || pixels.iter().map(|at| (at / width) as u32));
        if let (Some(left), Some(right), Some(top), Some(bottom)) = (columns().min(), columns().max(), rows().min(), rows().max())
        {
            found.push(TextBox { left, top, right, bottom, score });
        }
    }
    found
}

/// The box with what the network leaves out around the core, within the picture.
fn grown(piece: TextBox, picture: &RgbImage) -> TextBox {
    let (width, height) = ((piece.right - piece.left + 1) as f32, (piece.bottom - piece.top + 1) as f32);
    let more = (width * height * UNCLIP / (2.0 * (width + height))).round() as u32;
    TextBox {
        left: piece.left.saturating_sub(more),
        top: piece.top.saturating_sub(more),
        right: (piece.right + more).min(picture.width() - 1),
        bottom: (piece.bottom + more).min(picture.height() - 1),
        ..piece
    }
}

/// Draws a frame of two pixels.
pub fn draw(picture: &mut RgbImage, piece: &TextBox) {
    for thick in 0..2.min((piece.right - piece.left) / 2).min((piece.bottom - piece.top) / 2) {
        let (left, right, top, bottom) = (piece.left + thick, piece.right - thick, piece.top + thick, piece.bottom - thick);
        (left..=right).for_each(|x| [top, bottom].into_iter().for_each(|y| picture.put_pixel(x, y, Rgb([220, 30, 60]))));
        (top..=bottom).for_each(|y| [left, right].into_iter().for_each(|x| picture.put_pixel(x, y, Rgb([220, 30, 60]))));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [detector, picture, output] = &arguments[..] else {
        return Err("usage: text_boxes DETECTOR.onnx PICTURE OUTPUT.png".into());
    };
    let mut picture = image::open(picture)?.to_rgb8();
    let boxes = find(Path::new(detector), &picture)?;
    for piece in &boxes {
        draw(&mut picture, piece);
        println!("{:4} x {:4} to {:4} x {:4}  {:.2}", piece.left, piece.top, piece.right, piece.bottom, piece.score);
    }
    picture.save(output)?;
    println!("{} pieces of text, drawn into {output}", boxes.len());
    Ok(())
}
