use proptest::prelude::*;
use sartor_kernels::runtime::Level;
use sartor_models::{Arithmetic, Spread};

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
            Kind::Binary { spread: Spread::Pixel | Spread::One, pitch, .. } => {
                let value = |i: usize, values: &mut Values| if i.is_multiple_of(pitch.max(1)) { nonzero(values) } else { CANARY };
                Some((0..=(self.m - 1) * pitch).map(|i| value(i, values)).collect())
            }
            Kind::Binary { spread: Spread::Gate, .. } => Some(draw_map(1, lanes, lanes, values)),
            Kind::Binary { pitch, .. } => Some(draw_map(self.m, lanes, pitch, values)),
            Kind::Add { panels, pitch } => Some(draw_map(self.m, panels * PANEL, pitch, values)),
        };
        let dst = vec![CANARY; (self.m - 1) * self.dst_pitch + lanes];
        std::iter::once(src).chain(other).chain([dst]).collect()
    }

    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)> {
        let value = |p: usize, lane: usize| {
            let x = f64::from(buffers[0][p * self.src_pitch + lane]);
            let x = match self.kind {
                Kind::Binary { op, spread, pitch } => {
                    let lane = if matches!(spread, Spread::Pixel | Spread::One) { 0 } else { lane };
                    op.at(x, buffers[1][p * pitch + lane].into())
                }
                Kind::Add { panels, pitch } if lane < panels * PANEL => x + f64::from(buffers[1][p * pitch + lane]),
                _ => x,
            };
            activation(self.act, x)
        };
        vec![(buffers.len() - 1, want_map(self.m, self.panels * PANEL, self.dst_pitch, value))]
    }

    fn bound(&self, buffers: &[Vec<f32>]) -> f64 {
        let largest = match self.kind {
            Kind::Copy => return act_bound(self.act, 2.0, 0.0),
            Kind::Binary { op, .. } if op.divides() => {
                let plain = Eltwise { act: None, ..self.clone() };
                let near = |want: &Want| if let Want::Near(x) = want { x.abs() } else { 0.0 };
                plain.wants(buffers)[0].1.iter().map(near).filter(|x| x.is_finite()).fold(2.0, f64::max)
            }
            _ => 2.0,
        };
        act_bound(self.act, largest, bound::rounding(largest))
    }
}

/// Zero would lift no pad lane.
fn nonzero(values: &mut Values) -> f32 {
    let value = values.next();
    if value == 0.0 { 1.0 } else { value }
}

/// A product with a gate.
pub const SCALE: Kind = Kind::Binary { op: Arithmetic::Mul, spread: Spread::Gate, pitch: 0 };

/// All arithmetic on `panels` panels.
pub fn arithmetic(panels: usize) -> impl Iterator<Item = Kind> {
    let pitch = move |spread| match spread {
        Spread::Map => (panels + 1) * PANEL,
        Spread::Pixel => 2 * PANEL,
        Spread::Gate | Spread::One => 0,
    };
    let of = move |op| Spread::ALL.map(|spread| Kind::Binary { op, spread, pitch: pitch(spread) });
    Arithmetic::ALL.into_iter().flat_map(of)
}

/// Whether results for integers are exact.
fn rounds_nothing(kind: Kind) -> bool {
    !matches!(kind, Kind::Binary { op, .. } if op.divides())
}

pub fn spec(kind: Kind, m: usize, panels: usize, gap: usize, act: Option<Activation>) -> Eltwise {
    let pitch = panels * PANEL + gap;
    let last_lanes = if kind.lifts() { Some(USED) } else { to_clear(act) };
    Eltwise { kind, m, panels, src_pitch: pitch, dst_pitch: pitch + gap, act, last_lanes }
}

#[test]
fn pixels_panels_kinds_and_activations() {
    for panels in 1..=5 {
        let adds = (1..=panels).map(|added| Kind::Add { panels: added, pitch: added * PANEL + 16 });
        for kind in [Kind::Copy].into_iter().chain(arithmetic(panels)).chain(adds) {
            for m in [1, 2, 7, 13] {
                for act in acts() {
                    check(&spec(kind, m, panels, 16, act), is_exact(act) && rounds_nothing(kind));
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
            for kind in [Kind::Copy, Kind::Add { panels: 2, pitch: 32 }].into_iter().chain(arithmetic(2)) {
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

/// NaN goes from either operand to the result, also through maxima and minima, but compares with nothing and leaves no trace where it is
/// not kept. Infinities and signed zeros give what they give in f64.
#[test]
fn arithmetic_of_special_values() {
    let values = [f32::NAN, f32::from_bits(0xFFC0_01FF), f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-40, -1.5, f32::MAX];
    for level in Level::ALL {
        for kind in arithmetic(1) {
            let Kind::Binary { op, .. } = kind else { unreachable!() };
            let spec = Eltwise { last_lanes: Some(1), ..spec(kind, 1, 1, 0, None) };
            for (a, b) in values.iter().flat_map(|&a| values.map(|b| (a, b))) {
                let mut buffers = spec.buffers(&mut Values::reals(1));
                (buffers[0][0], buffers[1][0]) = (a, b);
                let after = interpret_guarded(&Family::lower(&spec, level), &buffers).unwrap();
                let (found, want) = (after[2][0], op.at(a.into(), b.into()) as f32);
                assert!(found == want || found.is_nan() && want.is_nan(), "{level}: {a} {op:?} {b} is {found}, not {want}");
                assert!(after[2][1..].iter().all(|&x| x == 0.0), "{level}: {kind:?}: pad lanes");
            }
        }
    }
}

proptest! {
    #[test]
    fn drawn(kind in 0usize..55, m in 1usize..=40, panels in 1usize..=7, added: prop::sample::Index, gap in 0usize..=2, act in prop::sample::select(acts().collect::<Vec<_>>()), level in 0usize..4) {
        let added = 1 + added.index(panels);
        let add = Kind::Add { panels: added, pitch: (added + gap) * PANEL };
        let kind = arithmetic(panels).nth(kind).unwrap_or(if kind == 52 { Kind::Copy } else { add });
        check_at(&spec(kind, m, panels, 16 * gap, act), is_exact(act) && rounds_nothing(kind), Level::ALL[level]);
    }
}
