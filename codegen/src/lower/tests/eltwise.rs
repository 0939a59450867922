use proptest::prelude::*;
use sartor_kernels::runtime::Level;

use super::*;
use crate::ir::kernel::Kernel;
use crate::lower::eltwise::{Eltwise, Kind};

impl Family for Eltwise {
    fn lower(&self, level: Level) -> Kernel {
        self.lower(level, "eltwise".into(), Vec::new())
    }

    fn buffers(&self, values: &mut Values) -> Vec<Vec<f32>> {
        let lanes = self.panels * PANEL;
        let src = draw_map(self.m, lanes, self.src_pitch, values);
        let other = match self.kind {
            Kind::Copy => None,
            Kind::Scale => Some(draw_map(1, lanes, lanes, values)),
            Kind::Add { panels, pitch } => Some(draw_map(self.m, panels * PANEL, pitch, values)),
        };
        let dst = vec![CANARY; (self.m - 1) * self.dst_pitch + lanes];
        std::iter::once(src).chain(other).chain([dst]).collect()
    }

    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)> {
        let value = |p: usize, lane: usize| {
            let x = f64::from(buffers[0][p * self.src_pitch + lane]);
            let x = match self.kind {
                Kind::Scale => x * f64::from(buffers[1][lane]),
                Kind::Add { panels, pitch } if lane < panels * PANEL => x + f64::from(buffers[1][p * pitch + lane]),
                _ => x,
            };
            activation(self.act, x)
        };
        vec![(buffers.len() - 1, want_map(self.m, self.panels * PANEL, self.dst_pitch, value))]
    }

    fn bound(&self, _: &[Vec<f32>]) -> f64 {
        act_bound(self.act, 2.0, if self.kind == Kind::Copy { 0.0 } else { bound::rounding(2.0) })
    }
}

pub fn spec(kind: Kind, m: usize, panels: usize, gap: usize, act: Option<Activation>) -> Eltwise {
    let pitch = panels * PANEL + gap;
    Eltwise { kind, m, panels, src_pitch: pitch, dst_pitch: pitch + gap, act, last_lanes: to_clear(act) }
}

#[test]
fn pixels_panels_kinds_and_activations() {
    for panels in 1..=5 {
        let adds = (1..=panels).map(|added| Kind::Add { panels: added, pitch: added * PANEL + 16 });
        for kind in [Kind::Copy, Kind::Scale].into_iter().chain(adds) {
            for m in [1, 2, 7, 13] {
                for act in acts() {
                    check(&spec(kind, m, panels, 16, act), is_exact(act));
                }
            }
        }
    }
}

/// Tests every number of lanes that may have to be kept after a sigmoid.
#[test]
fn a_sigmoid_clears_every_pad_lane() {
    for level in Level::ALL {
        for used in 1..PANEL {
            for kind in [Kind::Copy, Kind::Scale, Kind::Add { panels: 2, pitch: 32 }] {
                let spec = Eltwise { last_lanes: Some(used), ..spec(kind, 3, 2, 0, Some(Activation::Sigmoid)) };
                let buffers = spec.buffers(&mut Values::reals(1));
                let after = interpret_guarded(&Family::lower(&spec, level), &buffers).unwrap();
                for (i, &x) in after[buffers.len() - 1].iter().enumerate() {
                    assert_eq!(x == 0.0, i % 32 >= 16 + used, "{level}: {spec:?}: lane {} is {x}", i % 32);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn drawn(kind in 0usize..3, m in 1usize..=40, panels in 1usize..=7, added: prop::sample::Index, gap in 0usize..=2, act in prop::sample::select(acts().collect::<Vec<_>>()), level in 0usize..4) {
        let added = 1 + added.index(panels);
        let kind = [Kind::Copy, Kind::Scale, Kind::Add { panels: added, pitch: (added + gap) * PANEL }][kind];
        check_at(&spec(kind, m, panels, 16 * gap, act), is_exact(act), Level::ALL[level]);
    }
}
