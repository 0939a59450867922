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

/// `x - log(sum(exp(x)))` over rows of `channels` values, in place. The maximum is subtracted first, so that no exponential
/// overflows; accumulated in f64 and rounded once. A row with a NaN or `+inf`, or of nothing but `-inf`, becomes NaN.
///
/// # Panics
/// If `channels` is zero.
pub fn log_softmax(rows: &mut [f32], channels: usize) {
    for row in rows.chunks_exact_mut(channels) {
        let max = row.iter().fold(f32::NEG_INFINITY, |max, &x| if x > max || x.is_nan() { x } else { max });
        let max = f64::from(max);
        let shift = row.iter().map(|&x| (f64::from(x) - max).exp()).sum::<f64>().ln();
        row.iter_mut().for_each(|x| *x = (f64::from(*x) - max - shift) as f32);
    }
}

#[cfg(test)]
#[path = "../tests/layout.rs"]
mod tests;
