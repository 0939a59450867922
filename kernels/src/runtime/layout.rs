//! The way out of a program: from pitched NHWC maps to the NCHW tensors users expect.

/// Copies an NHWC map of `images * pixels` rows of `pitch` floats to NCHW with `channels` channels.
///
/// # Panics
/// If a slice is too short.
pub fn unpack(src: &[f32], pitch: usize, images: usize, pixels: usize, channels: usize, dst: &mut [f32]) {
    for image in 0..images {
        for pixel in 0..pixels {
            let row = &src[(image * pixels + pixel) * pitch..][..channels];
            for (channel, &value) in row.iter().enumerate() {
                dst[(image * channels + channel) * pixels + pixel] = value;
            }
        }
    }
}

/// Copies values of a map to an image of an output: `dst[Σ i · to] = src[Σ i · from]` for every `i` of loops `[count, from, to]`.
///
/// # Panics
/// If a slice is too short.
pub fn scatter(src: &[f32], loops: &[[usize; 3]], dst: &mut [f32]) {
    match *loops {
        [] => dst[0] = src[0],
        [[count, from, to]] => (0..count).for_each(|i| dst[i * to] = src[i * from]),
        [[count, from, to], ref inner @ ..] => (0..count).for_each(|i| scatter(&src[i * from..], inner, &mut dst[i * to..])),
    }
}

/// `x - log(sum(exp(x)))` over rows of `channels` values, in place. The maximum is subtracted first, so that no exponential
/// overflows; accumulated in f64 and rounded once. A row with a NaN or `+inf`, or of nothing but `-inf`, becomes NaN.
///
/// # Panics
/// If `channels` is zero.
pub fn log_softmax(rows: &mut [f32], channels: usize) {
    rows.chunks_exact_mut(channels).for_each(|row| normalise(row, [channels, 1], true));
}

/// `exp(x) / sum(exp(x))`, or its logarithm, over rows of `[channels, stride]` values, in place and with the same care. A row
/// begins at `Σ i · step` for every `i` of loops `[count, step]`.
///
/// # Panics
/// If the slice is too short.
pub fn softmax(values: &mut [f32], row: [usize; 2], rows: &[[usize; 2]], log: bool) {
    match *rows {
        [] => normalise(values, row, log),
        [[count, step], ref inner @ ..] => (0..count).for_each(|i| softmax(&mut values[i * step..], row, inner, log)),
    }
}

fn normalise(row: &mut [f32], [channels, stride]: [usize; 2], log: bool) {
    let places = || (0..channels).map(|channel| channel * stride);
    let max = places().map(|at| row[at]).fold(f32::NEG_INFINITY, |max, x| if x > max || x.is_nan() { x } else { max });
    let max = f64::from(max);
    let sum = places().map(|at| (f64::from(row[at]) - max).exp()).sum::<f64>();
    let shift = sum.ln();
    for at in places() {
        let x = f64::from(row[at]) - max;
        row[at] = if log { x - shift } else { x.exp() / sum } as f32;
    }
}

#[cfg(test)]
#[path = "../tests/layout.rs"]
mod tests;
