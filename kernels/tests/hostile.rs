//! Safe code that tries to make kernels and the runtime reach beyond what they were given: sizes that overflow, and slices that are
//! right for what the sizes wrap to. Each attempt must panic or answer with an error. Programs that must not even compile are in
//! `codegen/tests/users/hostile`.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use sartor_kernels::generic::{self, PackedConv, PackedDepthwise, PackedNorm, map_len, pitch};
use sartor_kernels::report::checked;
use sartor_kernels::runtime::{Aligned, Level, layout};
use sartor_kernels::shape::{Activation, Axis, Conv, Maps, Padding, Reduction, Window};

/// The message of the panic that `attempt` must end with.
fn panics(what: &str, attempt: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(attempt)).expect_err(&format!("{what} did not panic"));
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// That an attempt panics because a size overflows, not by chance.
fn overflows(what: &str, attempt: impl FnOnce()) {
    let text = panics(what, attempt);
    assert!(text.contains("overflows"), "{what}: {text}");
}

/// `2^(bits / 2)`: its square is zero where it wraps.
const ROOT: usize = 1 << (usize::BITS / 2);

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_available())
}

#[test]
fn a_stride_whose_reach_wraps_is_refused() {
    // 12 strides of vectors are 2^64 + 8: what is read would lie before the source.
    let stride = 1_537_228_672_809_129_302_u64 as usize;
    let window = Window::new((1, 1), (1, stride), Padding::around(0));
    let maps = Maps::new(1, 1, 1, stride.wrapping_mul(3).wrapping_add(1));
    for level in levels() {
        let depthwise = PackedDepthwise::new(level, window, 1, &[1.0], &[0.0]);
        overflows("a depthwise convolution", || depthwise.run(&[0.0; 16], maps, None, &mut [0.0; 64]));
        let conv = PackedConv::new(level, Conv { oc: 1, groups: 1, window }, 1, &[1.0], &[0.0]);
        overflows("a convolution", || conv.run(&[0.0; 16], maps, None, &mut [0.0; 64]));
        overflows("a pooling", || generic::max_pool(level, &[0.0; 16], maps, &window, &mut [0.0; 64]));
        checked(level.name(), 3, "sizes that wrap are refused");
    }
}

#[test]
fn lengths_that_wrap_are_refused() {
    let wraps =
        [Maps::new(ROOT, 16, ROOT, 1), Maps::new(1, ROOT, ROOT, 1), Maps::new(1, 16, ROOT, ROOT), Maps::new(1, usize::MAX, 1, 1)];
    let window = Window::square(1, 1, 0);
    for maps in wraps {
        overflows("map_len", || assert_eq!(map_len(maps), 0));
        if maps.c < usize::MAX {
            overflows("Maps::len", || assert_eq!(maps.len(), 0));
        }
        for level in levels() {
            overflows("activation", || generic::activation(level, &[], maps, Activation::Silu, &mut []));
            overflows("add", || generic::add(level, &[], maps, &[], 1, &mut []));
            overflows("binary", || generic::binary(level, &[], maps, &[], maps, |a, b| a * b, &mut []));
            overflows("avg_pool", || generic::avg_pool(level, &[], maps, &window, Padding::NONE, &mut []));
            overflows("reduce", || generic::reduce(level, &[], maps, Reduction::Mean, &mut []));
            panics("a norm", || PackedNorm::new(level, &[], &[]).run(&[], maps, None, &mut []));
        }
        overflows("concat", || generic::concat(&[(&[], maps.c)], maps, &mut []));
        overflows("channel_shuffle", || generic::channel_shuffle(&[], maps, 1, &mut []));
        overflows("softmax", || generic::softmax(&[], maps, true, &mut []));
        panics("pack", || generic::pack(&[], maps, &mut []));
        overflows("unpack", || generic::unpack(&[], maps, &mut []));
    }
    overflows("pitch", || assert_eq!(pitch(usize::MAX - 3), 0));
}

#[test]
fn weights_whose_number_wraps_are_refused() {
    let window = Window::new((ROOT, ROOT), (1, 1), Padding::around(0));
    overflows("taps", || assert_eq!(window.taps(), 0));
    let tall = Window { kernel: (ROOT, 1), ..window };
    for level in levels() {
        overflows("depthwise", || drop(PackedDepthwise::new(level, window, 1, &[], &[0.0])));
        overflows("depthwise", || drop(PackedDepthwise::new(level, tall, ROOT, &[], &[])));
        let conv = |oc, groups, window| Conv { oc, groups, window };
        overflows("conv", || drop(PackedConv::new(level, conv(1, 1, window), 1, &[], &[0.0])));
        overflows("conv", || drop(PackedConv::new(level, conv(1, 1, tall), ROOT, &[], &[0.0])));
        overflows("linear", || drop(PackedConv::linear(level, ROOT, ROOT, &[], &[])));
        for groups in [0, 2, usize::MAX] {
            let text = panics("groups", || drop(PackedConv::new(level, conv(1, groups, tall), 0, &[], &[0.0])));
            assert!(text.contains(&format!("1 channels in {groups} groups")), "{text}");
        }
    }
}

#[test]
fn windows_that_wrap_are_refused() {
    let plain = Axis { kernel: 1, stride: 1, dilation: 1, padding: Padding::both(0) };
    for padding in [usize::MAX / 2 + 1, usize::MAX / 2, isize::MAX as usize / 2 + 1] {
        overflows("padding", || assert_eq!(Axis { padding: Padding::both(padding), ..plain }.output(3), 0));
    }
    panics("no stride", || assert_eq!(Axis { stride: 0, ..plain }.output(3), 0));
    panics("no dilation", || assert_eq!(Axis { dilation: 0, ..plain }.taps(0, 3), 0..0));
    panics("a large kernel", || assert_eq!(Axis { kernel: usize::MAX, padding: Padding::both(1), ..plain }.output(3), 0));
    // Twice 2^63 is zero where it wraps, and one more is the reach of a single tap.
    panics("a large dilation", || assert_eq!(Axis { kernel: 3, dilation: usize::MAX / 2 + 1, ..plain }.output(3), 3));
    // A map without rows has a length however wide it is.
    let window = Window::new((1, 2), (1, 1), (Padding::both(1), Padding::both(1 << (usize::BITS - 3))));
    for level in levels() {
        let depthwise = PackedDepthwise::new(level, window, 1, &[1.0; 2], &[0.0]);
        panics("no rows", || depthwise.run(&[], Maps::new(1, 1, 0, 3), None, &mut [0.0; 16]));
    }
}

#[test]
fn memory_and_rows_keep_to_their_lengths() {
    panics("much memory", || drop(Aligned::zeroed(usize::MAX)));
    panics("beyond the end", || assert_eq!(Aligned::zeroed(3)[3], 0.0));
    assert_eq!(Aligned::try_zeroed(usize::MAX).unwrap_err().bytes, usize::MAX);
    panics("unpack", || layout::unpack(&[0.0; 4], ROOT, ROOT, ROOT, 1, &mut [0.0; 4]));
    panics("unpack", || layout::unpack(&[0.0; 4], usize::MAX, 2, 2, 2, &mut [0.0; 4]));
    panics("log_softmax", || layout::log_softmax(&mut [0.0; 4], 0));
    panics("softmax", || layout::softmax(&mut [0.0; 4], [2, 4], &[], false));
    panics("softmax", || layout::softmax(&mut [0.0; 4], [2, 1], &[[2, 3]], false));
    panics("scatter", || layout::scatter(&[0.0; 4], &[[5, 1, 0]], &mut [0.0; 4]));
    panics("scatter", || layout::scatter(&[0.0; 4], &[[2, 0, 2], [2, 0, 2]], &mut [0.0; 4]));
}
