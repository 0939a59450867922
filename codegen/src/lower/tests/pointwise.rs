use proptest::prelude::*;
use sartor_kernels::runtime::Level;

use super::*;
use crate::ir::kernel::Kernel;
use crate::lower::pointwise::{Pointwise, Segment};
use crate::lower::tile;

impl Family for Pointwise {
    fn lower(&self, level: Level) -> Kernel {
        self.lower(level, "pointwise".into(), Vec::new())
    }

    fn buffers(&self, values: &mut Values) -> Vec<Vec<f32>> {
        let reach = self.segments.iter().map(|segment| segment.lane + segment.len).max().unwrap();
        let mut src = vec![CANARY; (self.m - 1) * self.src_pitch + reach];
        for p in 0..self.m {
            for lane in self.segments.iter().flat_map(|segment| segment.lane..segment.lane + segment.len) {
                src[p * self.src_pitch + lane] = values.next();
            }
        }
        let mut wei = draw_panels(self.panels, self.k(), self.epilogue.last_lanes, values);
        clear_panels(&mut wei, self.k(), self.idle);
        let mut map = |pitch: usize| {
            let mut map = draw_map(self.m, self.panels * PANEL, pitch, values);
            clear_lanes(&mut map, self.panels * PANEL, pitch, self.idle);
            map
        };
        let old = map(self.dst_pitch);
        let dst = if self.epilogue.blend { old } else { vec![CANARY; old.len()] };
        let res = self.epilogue.shortcut.map(map);
        // These are fetched and never loaded.
        let next = (self.ahead > 0).then(|| vec![CANARY; self.ahead]);
        [src, wei, dst].into_iter().chain(res).chain(next).collect()
    }

    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)> {
        let (src, wei, dst) = (&buffers[0], &buffers[1], &buffers[2]);
        let lanes: Vec<usize> = self.segments.iter().flat_map(|segment| segment.lane..segment.lane + segment.len).collect();
        let value = |p: usize, lane: usize| {
            let tap = |tap: usize| f64::from(wei[(lane / PANEL * (1 + self.k()) + tap) * PANEL + lane % PANEL]);
            let products = lanes.iter().enumerate().map(|(k, &at)| f64::from(src[p * self.src_pitch + at]) * tap(1 + k));
            let shortcut = self.epilogue.shortcut.map(|pitch| buffers[3][p * pitch + lane]);
            finish(
                &self.epilogue,
                lane.checked_sub((self.panels - 1) * PANEL),
                tap(0) + products.sum::<f64>(),
                dst[p * self.dst_pitch + lane],
                shortcut,
            )
        };
        vec![(2, want_map(self.m, self.panels * PANEL, self.dst_pitch, value))]
    }

    fn bound(&self, _: &[Vec<f32>]) -> f64 {
        conv_bound(self.k(), &self.epilogue)
    }
}

pub fn spec(m: usize, segments: &[(usize, usize)], panels: usize, gap: usize, epilogue: Epilogue) -> Pointwise {
    let segments: Vec<Segment> = segments.iter().map(|&(lane, len)| Segment { lane, len }).collect();
    let reach = segments.iter().map(|segment| segment.lane + segment.len).max().unwrap();
    let src_pitch = reach.next_multiple_of(PANEL) + gap;
    Pointwise { m, segments, panels, idle: 0, src_pitch, dst_pitch: panels * PANEL + gap, epilogue, ahead: 0, tile: None }
}

fn check_spec(spec: &Pointwise) {
    check(spec, exact_epilogue(&spec.epilogue));
}

#[test]
fn pixels_around_every_tile_height() {
    for panels in 1..=5 {
        for level in Level::ALL {
            let mr = tile::choose(level, 64, panels, 7)[0].rows;
            for m in [1, 2, mr - 1, mr, mr + 1, 2 * mr - 1, 2 * mr + 1, 31, 53] {
                let spec = spec(m.max(1), &[(0, 7)], panels, 16, Epilogue::default());
                check_at(&spec, true, level);
            }
        }
    }
}

#[test]
fn taps_and_segments() {
    let cases: [&[(usize, usize)]; 8] = [
        &[(0, 1)],
        &[(5, 1)],
        &[(0, 2)],
        &[(0, 13)],
        &[(0, 67)],
        &[(3, 5), (17, 1), (40, 11)],
        &[(0, 1), (2, 1), (4, 1), (31, 1)],
        &[(16, 16), (48, 3)],
    ];
    for segments in cases {
        for panels in [1, 3] {
            check_spec(&spec(7, segments, panels, 0, Epilogue::default()));
        }
    }
}

/// Weights that are fetched ahead lie inside their buffer, whatever its length, and do not change the result.
#[test]
fn weights_ahead_of_every_length() {
    for ahead in [1, 2, 15, 16, 17, 31, 67, 272, 1000, 4096, 10_007] {
        for (m, len, panels) in [(1, 1, 1), (1, 2, 5), (7, 3, 1), (49, 17, 3), (53, 2, 4)] {
            check_spec(&Pointwise { ahead, ..spec(m, &[(0, len)], panels, 0, Epilogue::default()) });
        }
    }
}

#[test]
fn epilogues_at_every_width() {
    for panels in 1..=5 {
        for epilogue in epilogues(panels * PANEL + 32) {
            for m in [1, 9] {
                check_spec(&spec(m, &[(0, 5)], panels, 16, epilogue));
            }
        }
    }
}

/// Tiles of equal width share a loop. Still, the last lanes of the last tile must be cleared.
#[test]
fn a_sigmoid_clears_the_last_of_several_tiles() {
    let epilogue = Epilogue { act: Some(Activation::Sigmoid), last_lanes: Some(USED), ..Epilogue::default() };
    for panels in 1..=12 {
        check_spec(&spec(3, &[(0, 1)], panels, 0, epilogue));
    }
}

/// Whole vectors without a channel are zero. The others are computed as always.
#[test]
fn idle_lanes_are_not_computed() {
    let fmas = |spec: &Pointwise, level| format!("{:?}", spec.lower(level, "k".into(), Vec::new()).body).matches("Fma").count();
    for (level, idle) in [(Level::Avx2, 8), (Level::Neon, 4), (Level::Neon, 12), (Level::Portable, 8)] {
        let busy = spec(1, &[(0, 5)], 1, 0, Epilogue::default());
        let rest = fmas(&busy, level) * (PANEL - idle) / PANEL;
        assert_eq!(fmas(&Pointwise { idle, ..busy }, level), rest, "{level}, {idle} idle lanes");
    }
    for panels in 1..=5 {
        for idle in [4, 8, 12] {
            for epilogue in epilogues(panels * PANEL + 32) {
                for m in [1, 9, 31] {
                    check_spec(&Pointwise { idle, ..spec(m, &[(0, 5)], panels, 16, with_idle(epilogue, idle)) });
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn drawn(
        m in 1usize..=40,
        lens in prop::collection::vec((0usize..4, 1usize..=20), 1..=4),
        panels in 1usize..=6,
        gap in 0usize..=2,
        epilogue in any::<prop::sample::Index>(),
        ahead in prop_oneof![Just(0), 0usize..5000],
        idle in prop_oneof![Just(0), 0usize..16],
        level in 0usize..4,
    ) {
        let mut at = 0;
        let segments: Vec<(usize, usize)> = lens.into_iter().map(|(skip, len)| {
            let lane = at + skip;
            at = lane + len;
            (lane, len)
        }).collect();
        let all = epilogues(panels * PANEL + 16 * gap);
        let epilogue = with_idle(all[epilogue.index(all.len())], idle);
        let spec = Pointwise { ahead, idle, ..spec(m, &segments, panels, 16 * gap, epilogue) };
        check_at(&spec, exact_epilogue(&spec.epilogue), Level::ALL[level]);
    }
}
