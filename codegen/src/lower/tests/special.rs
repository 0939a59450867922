//! NaN, infinities, signed zeros, denormals and large numbers: results are PyTorch's, with the documented exceptions.

use sartor_kernels::runtime::Level;
use sartor_models::Reduction;

use super::epilogue::apply;
use super::*;
use crate::lower::direct::Direct;
use crate::lower::eltwise::{self, Eltwise};
use crate::lower::window::{Kind, Window};

/// One kernel of every family whose results are a sum of products, a sum, a product or a maximum, each with each rectifier.
fn families() -> Vec<Box<dyn Family>> {
    let reductions = [Reduction::Sum, Reduction::Max, Reduction::Min];
    let reduce = |reduction| Box::new(reduce::spec(reduction, 11, 2, 16)) as Box<dyn Family>;
    let mut all: Vec<Box<dyn Family>> = reductions.map(reduce).into();
    all.push(Box::new(reduce::spec(Reduction::Mean, 16, 2, 16)));
    all.push(Box::new(spread::spec(5, 2, true, (1, 1), 2)));
    for act in RECTIFIERS {
        let epilogue = Epilogue { act, shortcut: Some(48), ..Epilogue::default() };
        all.push(Box::new(pointwise::spec(9, &[(0, 5), (7, 3)], 2, 16, epilogue)));
        all.push(Box::new(Direct { epilogue, ..direct::spec(3, 2, 1, 7, 2).unwrap() }));
        for (kernel, stride) in [(3, 1), (5, 2)] {
            let spec = window::spec(Kind::Depthwise, kernel, stride, kernel / 2, 7, 2).unwrap();
            all.push(Box::new(Window { act, ..spec }));
        }
        let spec = window::spec(Kind::Max, 3, 2, 1, 7, 2).unwrap();
        all.push(Box::new(Window { act, ..spec }));
        for kind in [eltwise::Kind::Copy, super::eltwise::SCALE, eltwise::Kind::Add { panels: 1, pitch: 16 }] {
            all.push(Box::new(Eltwise { act, ..super::eltwise::spec(kind, 3, 2, 16, None) }));
        }
    }
    all
}

/// Averages. They round once more than a sum, in their factor.
fn averages() -> Vec<Box<dyn Family>> {
    let spec = |act| Window { act, ..window::spec(Kind::Average, 3, 2, 1, 7, 2).unwrap() };
    RECTIFIERS.into_iter().map(|act| Box::new(spec(act)) as Box<dyn Family>).collect()
}

const RECTIFIERS: [Option<Activation>; 3] = [None, Some(Activation::Relu), Some(Activation::Relu6)];

/// Compares the lanes in use. Other tests judge pad lanes.
fn judge_used(family: &dyn Family, kernel: &Kernel, buffers: &[Vec<f32>], bound: f64) {
    let after = interpret_guarded(kernel, buffers).unwrap();
    for (buffer, wants) in family.wants(buffers) {
        for (i, &want) in wants.iter().enumerate() {
            let Want::Near(want) = want else { continue };
            let tolerance = bound * if want.is_finite() { want.abs().max(1.0) } else { 1.0 };
            let found = after[buffer][i];
            let error = bound::largest_error(&[found], &[want]).0;
            assert!(error <= tolerance, "{}: {family:?}: [{i}] is {found:e}, not {want:e}", kernel.level);
        }
    }
}

#[test]
fn special_values_go_where_they_go_in_pytorch() {
    let specials = [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e-40, f32::MIN_POSITIVE, 3e38, -3e38];
    for family in families().into_iter().chain(averages()) {
        for level in Level::ALL {
            let kernel = family.lower(level);
            let drawn = family.buffers(&mut Values::reals(2));
            for (index, formal) in kernel.buffers.iter().enumerate().filter(|(_, formal)| formal.access == Access::Read) {
                let places: Vec<usize> =
                    (0..formal.len).filter(|&i| !is_canary(drawn[index][i]) && drawn[index][i] != 0.0).collect();
                for at in [places[0], places[places.len() / 2], places[places.len() - 1]] {
                    for special in specials {
                        let mut buffers = drawn.clone();
                        buffers[index][at] = special;
                        judge_used(&*family, &kernel, &buffers, family.bound(&drawn));
                    }
                }
            }
        }
    }
}

/// Sums of denormals are exact. None is flushed to zero.
#[test]
fn denormals_are_kept_to_the_last_bit() {
    let tiny = f32::from_bits(8);
    let mut denormals = 0;
    for family in families() {
        for level in Level::ALL {
            let kernel = family.lower(level);
            let mut buffers = family.buffers(&mut Values::integers(3, 9));
            let weighted = kernel.buffers.iter().any(|formal| formal.name == "wei");
            for (formal, buffer) in kernel.buffers.iter().zip(&mut buffers).filter(|(formal, _)| formal.access == Access::Read) {
                // Scales one factor of each product, and everything that is added.
                let scaled = if weighted { ["wei", "res"].contains(&&*formal.name) } else { formal.name != "gate" };
                if scaled {
                    buffer.iter_mut().filter(|x| !is_canary(**x)).for_each(|x| *x *= tiny);
                }
            }
            judge(&*family, &kernel, &buffers, 0.0).unwrap_or_else(|error| panic!("{level}: {family:?}: {error}"));
            let after = interpret_guarded(&kernel, &buffers).unwrap();
            let written = kernel.buffers.iter().zip(&after).filter(|(formal, _)| formal.access == Access::Write);
            denormals += written.flat_map(|(_, buffer)| buffer).filter(|x| x.is_subnormal()).count();
        }
    }
    println!("{denormals} denormal results");
    assert!(denormals > 1000);
}

#[test]
fn activations_of_special_values() {
    let inf = f32::INFINITY;
    // Some NaNs have a payload. Arithmetic on their bits must not make a number of them.
    let nans = [f32::NAN, -f32::NAN, f32::from_bits(0x7FC0_0001), f32::from_bits(0xFFC0_01FF), f32::from_bits(0x7FFF_FFFF)];
    let src = [-inf, -f32::MAX, -1e-40, -0.0, 0.0, 1e-40, f32::MAX, inf];
    for level in Level::ALL {
        for act in Activation::every() {
            assert!(apply(act, level, &nans).iter().all(|y| y.is_nan()), "{act} {level} drops a NaN");
            for (&x, &y) in src.iter().zip(&apply(act, level, &src)).filter(|&(&x, _)| act != Activation::Silu || x != -inf) {
                let exact = act.at(x.into());
                // For arguments beyond its range, the sigmoid is that of -87.
                let own = if x.is_finite() { bound::activation(act, x.abs().into(), 0.0) } else { 0.0 };
                let allowed = own + 1.7e-38;
                let error = bound::largest_error(&[y], &[exact]).0;
                assert!(error <= allowed, "{act} {level}: {y:e} at {x:e}, not {exact:e}");
                // Results that are zero for large arguments are next to zero here.
                assert!(exact != 0.0 || y.abs() < 1.5e-36, "{act} {level}: {y:e} at {x:e}");
            }
        }
        assert_eq!(apply(Activation::Relu, level, &src), [0.0, 0.0, 0.0, 0.0, 0.0, 1e-40, f32::MAX, inf]);
        assert_eq!(apply(Activation::Relu6, level, &src), [0.0, 0.0, 0.0, 0.0, 0.0, 1e-40, 6.0, 6.0]);
        let silu = apply(Activation::Silu, level, &src);
        // PyTorch computes -inf / inf = NaN here. The function's limit is zero.
        assert!(silu[..2].iter().all(|&y| (-1.5e-36..=0.0).contains(&y)), "{level}: {silu:?}");
        assert_eq!(silu[3..5], [0.0, 0.0]);
        assert_eq!(silu[6..], [f32::MAX, inf]);
        let sigmoid = apply(Activation::Sigmoid, level, &src);
        assert!(sigmoid[..2].iter().all(|&y| (0.0..1.7e-38).contains(&y)), "{level}: {sigmoid:?}");
        assert_eq!(sigmoid[2..6], [0.5; 4]);
        assert_eq!(sigmoid[6..], [1.0, 1.0]);
    }
}

/// The exception in the documentation of [`lower`](crate::lower): zero weights times NaN or infinity are NaN, in pad lanes and in
/// lanes of other groups that share a panel.
#[test]
fn exception_pad_lanes_take_what_is_not_finite() {
    for level in Level::ALL {
        for special in [f32::NAN, f32::INFINITY] {
            let spec = pointwise::spec(3, &[(0, 5)], 1, 0, Epilogue::default());
            let mut buffers = spec.buffers(&mut Values::reals(1));
            buffers[0][spec.src_pitch] = special;
            let after = interpret_guarded(&Family::lower(&spec, level), &buffers).unwrap();
            for (i, x) in after[2].iter().enumerate() {
                assert_eq!(x.is_nan(), i / PANEL == 1 && (special.is_nan() || i % PANEL >= USED), "{level}: [{i}] is {x}");
            }
        }
    }
}
