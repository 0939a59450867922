//! Draws a sweep. Each level has a row, with widths on the left and resolutions on the right; each family has a line.

use std::collections::BTreeMap;
use std::path::Path;

use plotters::prelude::*;
use sartor_kernels::runtime::Level;
use sartor_models::zoo::Spec;

use super::Sweep;
use crate::files::output;

/// The sweep cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The picture cannot be drawn.
    #[error("cannot draw the plot: {0}")]
    Draw(String),
    /// The picture cannot be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The width of the picture, and the height of a row.
const SIZE: (u32, u32) = (1120, 360);

/// Colours that can be told apart in print and by people who are colour-blind.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
    RGBColor(140, 100, 40),
];

const FONT: &str = "sans-serif";

/// The points of a family along an axis: the position, the share of the peak, and whether the input is square.
type Lines<'a> = BTreeMap<&'a str, Vec<(f64, f64, bool)>>;

/// Draws a sweep as SVG.
///
/// # Errors
/// If the file cannot be written.
pub fn plot(sweep: &Sweep, path: &Path) -> Result<(), PlotError> {
    let mut text = String::new();
    draw(sweep, &mut text).map_err(|error| PlotError::Draw(error.to_string()))?;
    Ok(output::write_file(path, |file| file.write_all(text.as_bytes()))?)
}

fn draw(sweep: &Sweep, text: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let points: Vec<(Spec, &super::Point)> =
        sweep.points.iter().filter_map(|point| Some((point.network.parse().ok()?, point))).collect();
    let mut levels: Vec<Level> = points.iter().filter_map(|(_, point)| point.level.parse().ok()).collect();
    levels.sort_by_key(|&level| std::cmp::Reverse(level));
    levels.dedup();
    let labels: BTreeMap<String, RGBColor> = {
        let mut labels: Vec<String> = points.iter().map(|(spec, _)| label(spec)).collect();
        labels.sort();
        labels.dedup();
        labels.into_iter().zip(COLOURS.into_iter().cycle()).collect()
    };
    let root = SVGBackend::with_string(text, (SIZE.0, SIZE.1 * levels.len().max(1) as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    for (row, level) in root.split_evenly((levels.len().max(1), 1)).iter().zip(&levels) {
        let (left, right) = row.split_horizontally((SIZE.0 / 2) as i32);
        let of_level: Vec<_> = points.iter().filter(|(_, point)| point.level == level.name()).collect();
        let (mut widths, mut pixels) = (Lines::new(), Lines::new());
        for (spec, point) in of_level {
            let label = labels.get_key_value(&label(spec)).map_or("", |(label, _)| label.as_str());
            let (h, w) = spec.resolution;
            let usual = &spec.entry().defaults()[0];
            if (h, w) == usual.resolution {
                widths.entry(label).or_default().push((spec.width, point.share_of_peak * 100.0, true));
            }
            if spec.width == usual.width {
                let side = ((h * w) as f64).sqrt();
                pixels.entry(label).or_default().push((side, point.share_of_peak * 100.0, h == w));
            }
        }
        panel(&left, &format!("{level}: width, at the usual resolution"), "width multiplier", 0.3..3.2, &widths, &labels, true)?;
        let title = format!("{level}: resolution, at width 1 (hollow: rectangular)");
        panel(&right, &title, "√(height · width), pixels", 88.0..560.0, &pixels, &labels, false)?;
    }
    root.present()?;
    Ok(())
}

fn label(spec: &Spec) -> String {
    let family = spec.entry().family;
    if spec.groups > 1 { format!("{family} g{}", spec.groups) } else { family.to_string() }
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    axis: &str,
    range: std::ops::Range<f64>,
    lines: &Lines<'_>,
    labels: &BTreeMap<String, RGBColor>,
    legend: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let grey = RGBColor(225, 228, 232);
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 15))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(46)
        .build_cartesian_2d(range.log_scale(), 0.0..100.0)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(grey)
        .axis_style(RGBColor(140, 146, 154))
        .x_desc(axis)
        .y_desc("% of peak")
        .x_label_formatter(&|x| if *x < 10.0 { format!("{x:.1}") } else { format!("{x:.0}") })
        .y_label_formatter(&|y| format!("{y:.0}"))
        .label_style((FONT, 12))
        .draw()?;
    for (label, points) in lines {
        let colour = labels[*label];
        let mut points = points.clone();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let line = points.iter().filter(|point| point.2).map(|point| (point.0, point.1));
        let series = chart.draw_series(LineSeries::new(line, colour.stroke_width(2)))?;
        if legend {
            series.label(*label).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(3)));
        }
        chart.draw_series(points.iter().map(|point| {
            let style = if point.2 { colour.filled() } else { colour.stroke_width(2) };
            Circle::new((point.0, point.1), 4, style)
        }))?;
    }
    if legend {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.85))
            .border_style(grey)
            .label_font((FONT, 12))
            .draw()?;
    }
    Ok(())
}
