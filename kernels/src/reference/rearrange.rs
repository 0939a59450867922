//! Operators that move pixels.

use super::{Value, check};
use crate::shape::{Maps, Rearrange};

/// The values of the result, each taken from where it comes from.
///
/// # Panics
/// If the maps do not fit the operator.
pub fn rearrange<T: Value>(src: &[T], maps: Maps, how: Rearrange) -> Vec<f64> {
    check("source", src.len(), maps.len());
    let size = (maps.c, maps.h, maps.w);
    let (c, h, w) = how.output(size).expect("maps that fit the operator");
    let mut dst = Vec::with_capacity(Maps { c, h, w, ..maps }.len());
    for n in 0..maps.n {
        for at in 0..c * h * w {
            let from = how.source(size, (at / (h * w), at / w % h, at % w));
            dst.push(from.map_or(0.0, |(c, y, x)| src[((n * maps.c + c) * maps.h + y) * maps.w + x].into()));
        }
    }
    dst
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{DepthOrder, Padding};

    #[test]
    fn pixels_go_where_they_go_in_onnx() {
        let one = |how, c, h, w, src: &[f32]| rearrange(src, Maps::new(1, c, h, w), how);
        let front = Padding { before: 1, after: 0 };
        assert_eq!(one(Rearrange::Upsample { rows: 1, columns: 2 }, 1, 2, 1, &[1., 2.]), [1., 1., 2., 2.]);
        assert_eq!(one(Rearrange::Upsample { rows: 2, columns: 1 }, 1, 1, 2, &[1., 2.]), [1., 2., 1., 2.]);
        assert_eq!(one(Rearrange::Pad { rows: front, columns: front }, 1, 1, 1, &[5.]), [0., 0., 0., 5.]);
        assert_eq!(one(Rearrange::Crop { rows: front, columns: front }, 1, 2, 2, &[1., 2., 3., 4.]), [4.]);
        let counted = [0., 1., 2., 3., 4., 5., 6., 7.];
        let depth = |order| one(Rearrange::DepthToSpace { block: 2, order }, 8, 1, 1, &counted);
        assert_eq!(depth(DepthOrder::Dcr), [0., 2., 4., 6., 1., 3., 5., 7.]);
        assert_eq!(depth(DepthOrder::Crd), counted.map(f64::from));
    }
}
