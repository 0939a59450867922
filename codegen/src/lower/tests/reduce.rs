use proptest::prelude::*;
use sartor_kernels::runtime::Level;
use sartor_models::Reduction;

use super::*;
use crate::ir::kernel::Kernel;
use crate::lower::reduce::Reduce;

impl Family for Reduce {
    fn lower(&self, level: Level) -> Kernel {
        self.lower(level, "reduce".into(), Vec::new())
    }

    fn buffers(&self, values: &mut Values) -> Vec<Vec<f32>> {
        let lanes = self.panels * PANEL;
        vec![draw_map(self.pixels, lanes, self.src_pitch, values), vec![CANARY; lanes]]
    }

    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)> {
        let lanes = self.panels * PANEL;
        let value = |lane: usize| {
            let pixels = (0..self.pixels).map(|p| f64::from(buffers[0][p * self.src_pitch + lane]));
            let largest = |max: f64, x: f64| if x > max || x.is_nan() { x } else { max };
            match self.reduction {
                Reduction::Mean => pixels.sum::<f64>() * f64::from(1.0 / self.pixels as f32),
                Reduction::Sum => pixels.sum(),
                Reduction::Max => pixels.fold(f64::NEG_INFINITY, largest),
                Reduction::Min => -pixels.map(|x| -x).fold(f64::NEG_INFINITY, largest),
            }
        };
        vec![(1, want_map(1, lanes, lanes, |_, lane| value(lane)))]
    }

    fn bound(&self, _: &[Vec<f32>]) -> f64 {
        bound::reduction(self.reduction, self.pixels, 1.0)
    }
}

pub fn spec(reduction: Reduction, pixels: usize, panels: usize, gap: usize) -> Reduce {
    Reduce { reduction, pixels, panels, src_pitch: panels * PANEL + gap }
}

/// Tries a specification. A mean is exact if it multiplies by a power of two.
fn check_spec(spec: &Reduce, level: Level) {
    check_at(spec, spec.reduction != Reduction::Mean || spec.pixels.is_power_of_two(), level);
}

#[test]
fn pixels_around_every_chain() {
    for reduction in Reduction::ALL {
        for panels in 1..=5 {
            for pixels in [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 49, 53, 64] {
                for gap in [0, 16] {
                    for level in Level::ALL {
                        check_spec(&spec(reduction, pixels, panels, gap), level);
                    }
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn drawn(reduction in 0usize..4, pixels in 1usize..=200, panels in 1usize..=7, gap in 0usize..=2, level in 0usize..4) {
        check_spec(&spec(Reduction::ALL[reduction], pixels, panels, 16 * gap), Level::ALL[level]);
    }
}
