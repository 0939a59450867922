use proptest::prelude::*;
use sartor_kernels::reference;
use sartor_kernels::runtime::Level;
use sartor_kernels::shape::Maps;

use super::*;
use crate::ir::kernel::Kernel;
use crate::layout::padded;
use crate::lower::softmax::Softmax;

/// Arguments are drawn up to this.
const LARGEST: f32 = 30.0;

/// How much more one lane has, which differs from pixel to pixel, in a quarter of all data. The exponential of so much is infinite.
const PEAK: f32 = 120.0;

impl Family for Softmax {
    fn lower(&self, level: Level) -> Kernel {
        self.lower(level, "softmax".into(), Vec::new())
    }

    fn buffers(&self, values: &mut Values) -> Vec<Vec<f32>> {
        let lanes = padded(self.channels);
        // In another quarter all values are so small that every lane counts, and in one all are far below zero, as pad lanes are not.
        let (size, shift, peak) = match values.next() {
            kind if kind > 0.5 => (LARGEST, 0.0, PEAK),
            kind if kind > 0.0 => (LARGEST, 0.0, 0.0),
            kind if kind > -0.5 => (1.0, 0.0, 0.0),
            _ => (1.0, -PEAK, 0.0),
        };
        let element = |i: usize, values: &mut Values| match i % self.src_pitch {
            lane if lane == i / self.src_pitch % self.channels => size * values.next() + shift + peak,
            lane if lane < self.channels => size * values.next() + shift,
            lane if lane < lanes => 0.0,
            _ => CANARY,
        };
        let src = (0..(self.m - 1) * self.src_pitch + lanes).map(|i| element(i, values)).collect();
        vec![src, vec![CANARY; (self.m - 1) * self.dst_pitch + lanes]]
    }

    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)> {
        let row = |p: usize| &buffers[0][p * self.src_pitch..][..self.channels];
        let exact: Vec<Vec<f64>> =
            (0..self.m).map(|p| reference::softmax(row(p), Maps::new(1, self.channels, 1, 1), self.log)).collect();
        let element = |i: usize| match (i / self.dst_pitch, i % self.dst_pitch) {
            (p, lane) if lane < self.channels => Want::Near(exact[p][lane]),
            (_, lane) if lane < padded(self.channels) => Want::Exactly(0.0),
            _ => Want::Untouched,
        };
        vec![(1, (0..buffers[1].len()).map(element).collect())]
    }

    fn bound(&self, _: &[Vec<f32>]) -> f64 {
        if self.log { bound::log_softmax(self.channels, (LARGEST + PEAK).into()) } else { bound::softmax(self.channels) }
    }
}

pub fn spec(log: bool, m: usize, channels: usize) -> Softmax {
    Softmax { log, m, channels, src_pitch: padded(channels) + 16, dst_pitch: padded(channels) }
}

#[test]
fn channels_around_every_register() {
    for log in [false, true] {
        for channels in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 24, 31, 32, 33, 1000] {
            check(&spec(log, 3, channels), false);
        }
    }
}

/// Equal values share evenly: the sum is the number of channels, the largest that there is.
#[test]
fn the_logarithm_is_right_for_every_sum() {
    for channels in [1, 2, 3, 10, 100, 1000, 30_000] {
        let spec = spec(true, 1, channels);
        let mut buffers = spec.buffers(&mut Values::reals(1));
        buffers[0][..channels].fill(7.25);
        for level in [Level::Portable, Level::Avx512] {
            judge(&spec, &Family::lower(&spec, level), &buffers, spec.bound(&buffers)).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn drawn(log: bool, m in 1usize..=9, channels in 1usize..=80, level in 0usize..4) {
        check_at(&spec(log, m, channels), false, Level::ALL[level]);
    }
}
