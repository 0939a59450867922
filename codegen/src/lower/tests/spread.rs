use proptest::prelude::*;
use sartor_kernels::runtime::Level;

use super::*;
use crate::ir::kernel::Kernel;
use crate::lower::spread::Spread;

impl Family for Spread {
    fn lower(&self, level: Level) -> Kernel {
        self.lower(level, "spread".into(), Vec::new())
    }

    fn buffers(&self, values: &mut Values) -> Vec<Vec<f32>> {
        let lanes = self.panels * PANEL;
        let width = self.before + self.pixels * self.copies + self.after;
        let mut buffers = Vec::new();
        if self.pixels > 0 {
            let mut src = vec![CANARY; (self.pixels - 1) * self.src_pitch + (self.copies - 1) * self.step + lanes];
            for pixel in 0..self.pixels {
                for copy in 0..self.copies {
                    for lane in 0..lanes {
                        let is_used = lane < lanes - PANEL + USED;
                        let at = &mut src[pixel * self.src_pitch + copy * self.step + lane];
                        if is_canary(*at) {
                            *at = if is_used { values.next() } else { 0.0 };
                        }
                    }
                }
            }
            buffers.push(src);
        }
        buffers.push(vec![CANARY; (width - 1) * self.dst_pitch + lanes]);
        buffers
    }

    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)> {
        let (lanes, read) = (self.panels * PANEL, self.pixels * self.copies);
        let value = |x: usize, lane: usize| match x.checked_sub(self.before).filter(|&x| x < read) {
            Some(_) if self.last_lanes.is_some_and(|last| lane >= lanes - PANEL + last) => 0.0,
            Some(x) => f64::from(buffers[0][x / self.copies * self.src_pitch + x % self.copies * self.step + lane]),
            None => 0.0,
        };
        let dst = usize::from(self.pixels > 0);
        vec![(dst, want_map(self.before + read + self.after, lanes, self.dst_pitch, value))]
    }

    fn bound(&self, _: &[Vec<f32>]) -> f64 {
        0.0
    }
}

/// A row of pixels that become `copies` each: of the same lanes, or of the next ones.
pub fn spec(pixels: usize, copies: usize, apart: bool, (before, after): (usize, usize), panels: usize) -> Spread {
    let lanes = panels * PANEL;
    let (step, src_pitch) = if apart { (lanes, copies * lanes) } else { (0, lanes + 16) };
    Spread { pixels, copies, step, before, after, panels, last_lanes: None, src_pitch, dst_pitch: lanes + 16 }
}

#[test]
fn rows_of_every_kind() {
    for panels in 1..=3 {
        for (pixels, copies) in [(1, 1), (1, 2), (7, 1), (5, 2), (3, 3), (2, 8)] {
            for zeros in [(0, 0), (1, 0), (0, 2), (3, 1)] {
                for apart in [false, true] {
                    let spec = spec(pixels, copies, apart, zeros, panels);
                    check(&spec, true);
                    for last in [1, 4, 8, 11] {
                        check(&Spread { last_lanes: Some(last), ..spec.clone() }, true);
                    }
                }
            }
        }
        check(&spec(0, 1, false, (0, 5), panels), true);
    }
}

proptest! {
    #[test]
    fn drawn(pixels in 0usize..=20, copies in 1usize..=5, apart: bool, before in 0usize..4, after in 1usize..4, panels in 1usize..=4, level in 0usize..4) {
        check_at(&spec(pixels, copies, apart, (before, after), panels), true, Level::ALL[level]);
    }
}
