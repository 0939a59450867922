use proptest::prelude::*;
use sartor_kernels::runtime::Level;
use sartor_models::Padding;

use super::*;
use crate::ir::kernel::Kernel;
use crate::lower::window::{Kind, Window};

impl Family for Window {
    fn lower(&self, level: Level) -> Kernel {
        self.lower(level, "window".into(), Vec::new())
    }

    fn buffers(&self, values: &mut Values) -> Vec<Vec<f32>> {
        let lanes = self.panels * PANEL;
        let mut buffers: Vec<Vec<f32>> =
            self.source_rows().iter().map(|_| draw_map(self.iw, lanes, self.src_pitch, values)).collect();
        if self.kind == Kind::Depthwise {
            buffers.push(draw_panels(self.panels, self.taps(), None, values));
        }
        buffers.extend(vec![vec![CANARY; (self.ow - 1) * self.dst_pitch + lanes]; self.rows]);
        buffers
    }

    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)> {
        let rows = self.source_rows();
        let present = rows.len();
        let first = present + usize::from(self.kind == Kind::Depthwise);
        let value = |row: usize, x: usize, lane: usize| {
            let tap = |tap: usize| f64::from(buffers[present][(lane / PANEL * (1 + self.taps()) + tap) * PANEL + lane % PANEL]);
            let mut met = Vec::new();
            for kh in 0..self.kernel.0 {
                for kw in 0..self.kernel.1 {
                    let y = row * self.stride.0 + kh * self.dilation.0;
                    let column =
                        (x * self.stride.1 + kw * self.dilation.1).checked_sub(self.pad).filter(|&column| column < self.iw);
                    if let (Some(y), Some(column)) = (rows.iter().position(|&row| row == y), column) {
                        let a = f64::from(buffers[y][column * self.src_pitch + lane]);
                        met.push((a, kh * self.kernel.1 + kw));
                    }
                }
            }
            let value = match self.kind {
                Kind::Depthwise => tap(0) + met.iter().map(|&(a, at)| a * tap(1 + at)).sum::<f64>(),
                Kind::Max => {
                    met.iter().map(|&(a, _)| a).fold(f64::NEG_INFINITY, |max, a| if a > max || a.is_nan() { a } else { max })
                }
                Kind::Average => {
                    let (top, left) = (self.present.0.saturating_sub(self.counted.0.before), self.pad - self.counted.1.before);
                    let (rows, columns) =
                        (top..self.present.1 + self.counted.0.after, left..self.pad + self.iw + self.counted.1.after);
                    let down =
                        (0..self.kernel.0).filter(|kh| rows.contains(&(row * self.stride.0 + kh * self.dilation.0))).count();
                    let across =
                        (0..self.kernel.1).filter(|kw| columns.contains(&(x * self.stride.1 + kw * self.dilation.1))).count();
                    met.iter().map(|&(a, _)| a).sum::<f64>() / (down * across) as f64
                }
            };
            if self.kind == Kind::Depthwise { activation_of_sum(self.act, value) } else { activation(self.act, value) }
        };
        let lanes = self.panels * PANEL;
        let want = |row: usize| want_map(self.ow, lanes, self.dst_pitch, |x, lane| value(row, x, lane));
        (0..self.rows).map(|row| (first + row, want(row))).collect()
    }

    fn bound(&self, _: &[Vec<f32>]) -> f64 {
        let (max, error) = match self.kind {
            Kind::Depthwise => (self.taps() as f64 + 1.0, bound::dot(self.taps(), 1.0, 1.0, 1.0)),
            Kind::Max => (1.0, 0.0),
            Kind::Average => (1.0, bound::mean(self.taps(), 1.0)),
        };
        act_bound(self.act, max, error)
    }
}

pub fn spec(kind: Kind, kernel: usize, stride: usize, pad: usize, ow: usize, rows: usize) -> Option<Window> {
    uneven(kind, kernel, stride, (pad, pad), ow, rows)
}

/// The same with these numbers of columns of padding on the left and on the right.
fn uneven(kind: Kind, kernel: usize, stride: usize, (pad, after): (usize, usize), ow: usize, rows: usize) -> Option<Window> {
    let iw = ((ow - 1) * stride + kernel).checked_sub(pad + after).filter(|&iw| iw > 0)?;
    Some(Window {
        kind,
        panels: 1,
        kernel: (kernel, kernel),
        stride: (stride, stride),
        dilation: (1, 1),
        pad,
        iw,
        ow,
        rows,
        present: (0, (rows - 1) * stride + kernel),
        counted: (Padding::both(pad.max(after)), Padding { before: pad, after }),
        src_pitch: 16,
        dst_pitch: 16,
        act: None,
        columns: None,
    })
}

/// Tries a specification. An average is not exact, since it multiplies by a rounded reciprocal.
fn check_spec(spec: &Window) {
    check(spec, spec.kind != Kind::Average && is_exact(spec.act));
}

const KINDS: [Kind; 3] = [Kind::Depthwise, Kind::Max, Kind::Average];

#[test]
fn windows_of_every_width() {
    for kind in KINDS {
        for kernel in [1, 3, 5, 7] {
            for stride in 1..=3 {
                for pad in 0..=kernel / 2 {
                    for ow in [1, 2, 3, 7, 13, 56] {
                        // With the widest padding, the narrowest rows would have no map under them.
                        let Some(spec) = spec(kind, kernel, stride, pad, ow, 1) else { continue };
                        check_spec(&spec);
                        if stride > 1 && ow < 56 {
                            check_spec(&Window { iw: spec.iw + stride - 1, ..spec });
                        }
                    }
                }
            }
        }
    }
}

/// One side has fewer columns of padding than the other: up to one fewer than the window has.
#[test]
fn windows_padded_unevenly() {
    for kind in KINDS {
        for kernel in [2, 3, 4, 5, 7] {
            for stride in 1..=3 {
                for (pad, after) in (0..kernel).flat_map(|pad| (0..kernel).map(move |after| (pad, after))) {
                    for ow in [1, 2, 3, 9] {
                        // With the widest padding, the narrowest rows would have no map under them.
                        if let Some(spec) = uneven(kind, kernel, stride, (pad, after), ow, 1).filter(|_| pad != after) {
                            check_spec(&spec);
                        }
                    }
                }
            }
        }
    }
}

/// Tests every range of existing rows that a group at the border of a map can have.
#[test]
fn rows_at_every_border() {
    for kind in KINDS {
        for (kernel, stride, rows) in [(1, 1, 2), (3, 1, 1), (3, 1, 2), (3, 2, 2), (3, 3, 2), (5, 1, 2), (5, 2, 2), (7, 1, 1)] {
            let pad = kernel / 2;
            let reach = (rows - 1) * stride + kernel;
            for first in 0..=pad {
                for last in first.max(reach - pad - 1).max(1)..=reach {
                    let whole = spec(kind, kernel, stride, pad, 7, rows).unwrap();
                    let meets = |row: usize| first.max(row * stride) < last.min(row * stride + kernel);
                    // A window that meets no row at all does not occur in a map.
                    if (0..rows).all(meets) {
                        check_spec(&Window { present: (first, last), ..whole });
                    }
                }
            }
        }
    }
}

/// Taps lie apart, by less and by more than a stride, a tile and a map; any of them may meet padding.
#[test]
fn dilated_windows() {
    for kind in KINDS {
        for (kernel, stride) in [(2, 1), (3, 1), (3, 2), (5, 1)] {
            for dilation in [(2, 2), (1, 3), (3, 1), (12, 2), (2, 12)] {
                for (pad, ow, rows) in [(0, 9, 1), (dilation.1, 13, 2), (dilation.1 * (kernel - 1), 2, 2), (1, 20, 3)] {
                    let reach = |count: usize, dilation: usize| (count - 1) * stride + (kernel - 1) * dilation + 1;
                    let Some(iw) = reach(ow, dilation.1).checked_sub(2 * pad).filter(|&iw| iw > 0) else { continue };
                    let meets = |x: usize| (0..kernel).any(|kw| (pad..pad + iw).contains(&(x * stride + kw * dilation.1)));
                    // The largest value of nothing does not occur.
                    if kind == Kind::Max && !(0..ow).all(meets) {
                        continue;
                    }
                    let present = (0, reach(rows, dilation.0));
                    let counted = Padding::around(pad);
                    let whole = spec(kind, kernel, stride, 0, ow, rows).unwrap();
                    let spec = Window { dilation, pad, iw, present, counted, ..whole };
                    check_spec(&spec);
                    // The first row of taps lies above the map.
                    check_spec(&Window { present: (dilation.0, present.1), ..spec });
                }
            }
        }
    }
}

/// Averages that count no padding, or only that in front, divide by fewer taps at the borders.
#[test]
fn averages_that_do_not_count_all_padding() {
    for (kernel, stride, rows) in [(3, 1, 1), (3, 1, 2), (3, 2, 2), (5, 1, 2), (5, 2, 2)] {
        let pad = kernel / 2;
        let reach = (rows - 1) * stride + kernel;
        let front = Padding { before: pad, after: 0 };
        for counted in [Padding::NONE, (front, front), (Padding::both(1), front.reversed())] {
            for present in [(0, reach), (pad, reach), (0, reach - pad), (1, reach - 1)] {
                for ow in [1, 2, 7, 20] {
                    let Some(whole) = spec(Kind::Average, kernel, stride, pad, ow, rows) else { continue };
                    check_spec(&Window { counted, present, ..whole });
                }
            }
        }
    }
}

#[test]
fn panels_pitches_and_activations() {
    for kind in KINDS {
        for panels in 1..=5 {
            for act in keeping_acts() {
                for (kernel, stride) in [(3, 1), (3, 2), (5, 1)] {
                    let spec = spec(kind, kernel, stride, kernel / 2, 13, 2).unwrap();
                    let lanes = panels * PANEL;
                    check_spec(&Window { panels, act, src_pitch: lanes + 16, dst_pitch: lanes + 32, ..spec });
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn drawn(
        kind in 0usize..3,
        kernel in (1usize..=7, 1usize..=7),
        stride in (1usize..=3, 1usize..=3),
        dilation in (1usize..=3, 1usize..=3),
        pads in any::<[prop::sample::Index; 4]>(),
        ow in 1usize..=20,
        extra in 0usize..3,
        rows in 1usize..=3,
        panels in 1usize..=3,
        gap in 0usize..=1,
        act in prop::sample::select(keeping_acts().collect::<Vec<_>>()),
        level in 0usize..4,
    ) {
        let reach = ((kernel.0 - 1) * dilation.0 + 1, (kernel.1 - 1) * dilation.1 + 1);
        let (pad, after) = (pads[0].index(reach.1), pads[3].index(reach.1));
        let iw = ((ow - 1) * stride.1 + reach.1).saturating_sub(pad + after) + extra.min(stride.1 - 1);
        prop_assume!(iw > 0);
        let height = (rows - 1) * stride.0 + reach.0;
        let first = pads[1].index(reach.0 / 2 + 1);
        let last = height - pads[2].index(reach.0 / 2 + 1);
        let tap = |row: usize, kh: usize| row * stride.0 + kh * dilation.0;
        prop_assume!((0..rows).all(|row| (0..kernel.0).any(|kh| (first..last).contains(&tap(row, kh)))));
        let column = |x: usize, kw: usize| x * stride.1 + kw * dilation.1;
        prop_assume!((0..ow).all(|x| (0..kernel.1).any(|kw| (pad..pad + iw).contains(&column(x, kw)))));
        let kind = KINDS[kind];
        let pitch = (panels + gap) * PANEL;
        let spec = Window {
            kind, panels, kernel, stride, dilation, pad, iw, ow, rows, present: (first, last),
            counted: (Padding::NONE.0, Padding { before: pad, after: 0 }), src_pitch: pitch, dst_pitch: pitch,
            act, columns: None,
        };
        check_at(&spec, kind != Kind::Average && is_exact(spec.act), Level::ALL[level]);
    }
}
