//! The transforms of Winograd convolutions: see [`Winograd`].

use sartor_ops::winograd::both_ways;

use super::{Value, check};
use crate::shape::{Maps, Padding, Winograd};

/// The tiles of maps, transformed. The result has `tiles` rows and columns of tiles. Its channels are the elements of a tile one after
/// another, each with all channels of the source. What a tile has beyond the map is zero.
pub fn into_tiles<T: Value>(
    src: &[T],
    maps: Maps,
    form: Winograd,
    (rows, columns): (Padding, Padding),
    tiles: (usize, usize),
) -> Vec<f64> {
    check("source", src.len(), maps.len());
    let (m, n, per_image) = (form.outputs(), form.inputs(), maps.c * tiles.0 * tiles.1);
    let mut dst = vec![0.0; maps.n * form.elements() * per_image];
    for (plane, values) in src.chunks_exact(maps.pixels()).enumerate() {
        let (image, channel) = (plane / maps.c, plane % maps.c);
        for tile in 0..tiles.0 * tiles.1 {
            let (y, x) = (tile / tiles.1 * m, tile % tiles.1 * m);
            let value = |i: usize| {
                let y = (y + i / n).checked_sub(rows.before).filter(|&y| y < maps.h)?;
                let x = (x + i % n).checked_sub(columns.before).filter(|&x| x < maps.w)?;
                Some(values[y * maps.w + x].into())
            };
            let square: Vec<f64> = (0..n * n).map(|i| value(i).unwrap_or(0.0)).collect();
            for (element, value) in both_ways(&form.source(), &square).into_iter().enumerate() {
                dst[((image * form.elements() + element) * maps.c + channel) * tiles.0 * tiles.1 + tile] = value;
            }
        }
    }
    dst
}

/// Outputs of `h x w` from tiles of products, whose channels are the elements of a tile one after another, each with all output
/// channels.
pub fn from_tiles<T: Value>(src: &[T], maps: Maps, form: Winograd, bias: &[f32], (h, w): (usize, usize)) -> Vec<f64> {
    check("source", src.len(), maps.len());
    check("channels", maps.c, form.elements() * bias.len());
    let (m, pixels) = (form.outputs(), maps.pixels());
    let mut dst = vec![0.0; maps.n * bias.len() * h * w];
    for (plane, results) in dst.chunks_exact_mut(h * w).enumerate() {
        let (image, channel) = (plane / bias.len(), plane % bias.len());
        for tile in 0..pixels {
            let at = |element: usize| src[(image * maps.c + element * bias.len() + channel) * pixels + tile].into();
            let products: Vec<f64> = (0..form.elements()).map(at).collect();
            for (i, value) in both_ways(&form.result(), &products).into_iter().enumerate() {
                let (y, x) = (tile / maps.w * m + i / m, tile % maps.w * m + i % m);
                if y < h && x < w {
                    results[y * w + x] = value + f64::from(bias[channel]);
                }
            }
        }
    }
    dst
}
