use sartor_ops::Parameter;

use proptest::prelude::*;
use sartor_kernels::runtime::Level;

use super::*;
use crate::ir::kernel::Kernel;
use crate::lower::mean::Mean;

impl Family for Mean {
    fn lower(&self, level: Level) -> Kernel {
        self.lower(level, "mean".into(), Vec::new())
    }

    fn buffers(&self, values: &mut Values) -> Vec<Vec<f32>> {
        let lanes = self.panels * PANEL;
        vec![draw_map(self.pixels, lanes, self.src_pitch, values), vec![CANARY; lanes]]
    }

    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)> {
        let lanes = self.panels * PANEL;
        let sum = |lane: usize| (0..self.pixels).map(|p| f64::from(buffers[0][p * self.src_pitch + lane])).sum::<f64>();
        vec![(1, want_map(1, lanes, lanes, |_, lane| sum(lane) * f64::from(self.factor.value())))]
    }

    fn bound(&self, _: &[Vec<f32>]) -> f64 {
        bound::mean(self.pixels, 1.0)
    }
}

pub fn spec(pixels: usize, panels: usize, gap: usize, factor: f32) -> Mean {
    Mean { pixels, panels, src_pitch: panels * PANEL + gap, factor: Parameter::new(factor) }
}

#[test]
fn pixels_around_every_chain() {
    for panels in 1..=5 {
        for pixels in [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 49, 53] {
            // A power of two: integers stay exact.
            check(&spec(pixels, panels, 16, 0.25), true);
            check(&spec(pixels, panels, 0, 1.0 / pixels as f32), false);
        }
    }
}

proptest! {
    #[test]
    fn drawn(pixels in 1usize..=200, panels in 1usize..=7, gap in 0usize..=2, level in 0usize..4) {
        check_at(&spec(pixels, panels, 16 * gap, 0.5), true, Level::ALL[level]);
        check_at(&spec(pixels, panels, 16 * gap, 1.0 / pixels as f32), false, Level::ALL[level]);
    }
}
