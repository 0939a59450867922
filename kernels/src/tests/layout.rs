//! Results on their way to the user.

use super::*;

#[test]
fn unpack_transposes_every_image_and_drops_the_pad_lanes() {
    let (pitch, images, pixels, channels) = (16, 3, 5, 7);
    let mut src = vec![f32::NAN; images * pixels * pitch];
    for image in 0..images {
        for pixel in 0..pixels {
            for channel in 0..channels {
                src[(image * pixels + pixel) * pitch + channel] = (image * 100 + channel * 10 + pixel) as f32;
            }
        }
    }
    let mut dst = vec![-1.0; images * channels * pixels];
    unpack(&src, pitch, images, pixels, channels, &mut dst);
    let mut expected = Vec::new();
    for image in 0..images {
        for channel in 0..channels {
            expected.extend((0..pixels).map(|pixel| (image * 100 + channel * 10 + pixel) as f32));
        }
    }
    assert_eq!(dst, expected);
}

#[test]
fn log_softmax_is_a_distribution_and_does_not_overflow() {
    let mut rows = vec![1.0, 2.0, 3.0, 1e30, 0.0, -1e30, 1000.0, 1000.0, 1000.0];
    log_softmax(&mut rows, 3);
    let expected = [-2.407_606, -1.407_605_9, -0.407_605_97, 0.0, -1e30, -2e30, -1.098_612_3, -1.098_612_3, -1.098_612_3];
    for (found, expected) in rows.iter().zip(expected) {
        assert!((found - expected).abs() <= f32::EPSILON * expected.abs(), "{found} for {expected}");
    }
    let mut one = [5.0];
    log_softmax(&mut one, 1);
    assert_eq!(one, [0.0]);
}

#[test]
fn log_softmax_of_special_values() {
    let nan = |row: &[f32]| row.iter().all(|x| x.is_nan());
    for row in [[f32::NAN, 1.0], [1.0, f32::NAN], [f32::INFINITY, f32::NAN], [f32::INFINITY, 1.0], [f32::NEG_INFINITY; 2]] {
        let mut rows = [row[0], row[1], 1.0, 1.0];
        log_softmax(&mut rows, 2);
        assert!(nan(&rows[..2]), "{row:?} gave {rows:?}");
        assert!(!nan(&rows[2..]), "a row's NaN reached the next row");
    }
    let mut row = [f32::NEG_INFINITY, 3.0];
    log_softmax(&mut row, 2);
    assert_eq!(row, [f32::NEG_INFINITY, 0.0]);
}

#[test]
fn scatter_goes_along_all_loops() {
    // A map of two pixels of three channels, 16 apart, to rows of channels.
    let src: Vec<f32> = (0..32).map(|i| i as f32).collect();
    let mut dst = [-1.0; 8];
    scatter(&src, &[[2, 16, 3], [3, 1, 1]], &mut dst[1..]);
    assert_eq!(dst, [-1.0, 0.0, 1.0, 2.0, 16.0, 17.0, 18.0, -1.0]);
    scatter(&src[5..], &[], &mut dst);
    assert_eq!(dst[0], 5.0);
}

#[test]
fn softmax_over_rows_at_a_distance() {
    let mut values = [1.0, 5.0, 1.0, 5.0, 3.0, -1e30, f32::NAN, 9.0];
    softmax(&mut values, [2, 2], &[[2, 1]], false);
    assert_eq!(values[..4], [0.5; 4]);
    softmax(&mut values[4..], [2, 1], &[[2, 2]], false);
    assert_eq!(values[4..6], [1.0, 0.0]);
    assert!(values[6].is_nan() && values[7].is_nan());
    let mut rows = [[1.0, 2.0, 3.0, 500.0], [0.0, 1000.0, -1000.0, 3.5]];
    let mut same = rows;
    softmax(rows.as_flattened_mut(), [4, 1], &[[2, 4]], true);
    log_softmax(same.as_flattened_mut(), 4);
    assert_eq!(rows, same);
}
