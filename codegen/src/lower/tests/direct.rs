use proptest::prelude::*;
use sartor_kernels::runtime::Level;

use super::*;
use crate::ir::kernel::Kernel;
use crate::lower::direct::{Direct, Source};
use crate::lower::pointwise::Segment;

impl Direct {
    fn lanes(&self) -> Vec<usize> {
        self.segments.iter().flat_map(|segment| segment.lane..segment.lane + segment.len).collect()
    }

    /// Where a source row holds a lane of a column.
    fn at(&self, column: usize, lane: usize) -> usize {
        match self.source {
            Source::Planar { plane } => lane * plane + column,
            Source::Pitched { pitch } => column * pitch + lane,
        }
    }
}

impl Family for Direct {
    fn lower(&self, level: Level) -> Kernel {
        self.lower(level, "direct".into(), Vec::new())
    }

    fn buffers(&self, values: &mut Values) -> Vec<Vec<f32>> {
        let lanes = self.lanes();
        let row_len = self.at(self.iw - 1, *lanes.iter().max().unwrap()) + 1;
        let mut buffers = Vec::new();
        for _ in self.present.0..self.present.1 {
            let mut row = vec![CANARY; row_len];
            for column in 0..self.iw {
                for &lane in &lanes {
                    row[self.at(column, lane)] = values.next();
                }
            }
            buffers.push(row);
        }
        let mut wei = draw_panels(self.panels, self.k(), self.epilogue.last_lanes, values);
        clear_panels(&mut wei, self.k(), self.idle);
        buffers.push(wei);
        let mut map = |pitch: usize| {
            let mut map = draw_map(self.rows * self.ow, self.panels * PANEL, pitch, values);
            clear_lanes(&mut map, self.panels * PANEL, pitch, self.idle);
            map
        };
        let old = map(self.dst_pitch);
        buffers.push(if self.epilogue.blend { old } else { vec![CANARY; old.len()] });
        buffers.extend(self.epilogue.shortcut.map(map));
        buffers
    }

    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)> {
        let rows = self.present.1 - self.present.0;
        let (wei, dst) = (&buffers[rows], &buffers[rows + 1]);
        let (kh, kw) = self.kernel;
        let lanes = self.lanes();
        let value = |pixel: usize, lane: usize| {
            let (y, x) = (pixel / self.ow, pixel % self.ow);
            let tap = |tap: usize| f64::from(wei[(lane / PANEL * (1 + self.k()) + tap) * PANEL + lane % PANEL]);
            let mut sum = tap(0);
            for (ic, &source) in lanes.iter().enumerate() {
                for row in self.present.0..self.present.1 {
                    let Some(down) = row.checked_sub(y * self.down).filter(|&down| down < kh) else { continue };
                    for i in 0..kw {
                        let column =
                            (x * self.stride + i * self.dilation).checked_sub(self.pad).filter(|&column| column < self.iw);
                        if let Some(column) = column {
                            let a = buffers[row - self.present.0][self.at(column, source)];
                            sum += f64::from(a) * tap(1 + (ic * kh + down) * kw + i);
                        }
                    }
                }
            }
            let shortcut = self.epilogue.shortcut.map(|pitch| buffers[rows + 2][pixel * pitch + lane]);
            finish(&self.epilogue, lane.checked_sub((self.panels - 1) * PANEL), sum, dst[pixel * self.dst_pitch + lane], shortcut)
        };
        vec![(rows + 1, want_map(self.rows * self.ow, self.panels * PANEL, self.dst_pitch, value))]
    }

    fn bound(&self, _: &[Vec<f32>]) -> f64 {
        conv_bound(self.k(), &self.epilogue)
    }
}

/// A row of `ow` pixels of a convolution that keeps the map's size or, with less padding, whose map is as wide as it can be.
pub fn spec(kernel: usize, stride: usize, pad: usize, ow: usize, panels: usize) -> Option<Direct> {
    uneven(kernel, stride, (pad, pad), ow, panels)
}

/// The same with these numbers of columns of padding on the left and on the right.
fn uneven(kernel: usize, stride: usize, (pad, after): (usize, usize), ow: usize, panels: usize) -> Option<Direct> {
    let iw = ((ow - 1) * stride + kernel).checked_sub(pad + after).filter(|&iw| iw > 0)?;
    Some(Direct {
        kernel: (kernel, kernel),
        rows: 1,
        down: 1,
        present: (0, kernel),
        stride,
        dilation: 1,
        pad,
        iw,
        ow,
        source: Source::Planar { plane: 3 * iw },
        segments: vec![Segment { lane: 0, len: 3 }],
        panels,
        idle: 0,
        dst_pitch: panels * PANEL + 16,
        epilogue: Epilogue::default(),
        tile: None,
    })
}

#[test]
fn windows_of_every_width() {
    for kernel in [1, 3, 5, 7] {
        for stride in 1..=3 {
            for pad in 0..=kernel / 2 {
                for ow in [1, 2, 3, 7, 13, 56] {
                    // With the widest padding, the narrowest rows would have no map under them.
                    let Some(spec) = spec(kernel, stride, pad, ow, 1) else { continue };
                    check(&spec, true);
                    // There are also columns that the last window does not reach.
                    if stride > 1 && ow < 56 {
                        let iw = spec.iw + stride - 1;
                        check(&Direct { iw, source: Source::Planar { plane: iw }, ..spec }, true);
                    }
                }
            }
        }
    }
}

/// One side has fewer columns of padding than the other: up to one fewer than the window has.
#[test]
fn windows_padded_unevenly() {
    for kernel in [2, 3, 4, 5, 7] {
        for stride in 1..=3 {
            for (pad, after) in (0..kernel).flat_map(|pad| (0..kernel).map(move |after| (pad, after))) {
                for ow in [1, 2, 3, 9] {
                    // With the widest padding, the narrowest rows would have no map under them.
                    if let Some(spec) = uneven(kernel, stride, (pad, after), ow, 1).filter(|_| pad != after) {
                        check(&spec, true);
                    }
                }
            }
        }
    }
}

#[test]
fn rows_at_every_border() {
    for kernel in [1, 3, 5] {
        for first in 0..kernel {
            for last in first + 1..=kernel {
                for source in [Source::Planar { plane: 100 }, Source::Pitched { pitch: 32 }] {
                    let spec = spec(kernel, 2, kernel / 2, 7, 2).unwrap();
                    check(&Direct { present: (first, last), source, ..spec }, true);
                }
            }
        }
    }
}

/// A few narrow rows together: each has its own rows of the window at the borders.
#[test]
fn several_rows_at_every_border() {
    for (kernel, rows, down) in [(1, 2, 2), (3, 2, 2), (3, 3, 1), (5, 2, 3), (2, 4, 2), (3, 2, 4)] {
        let reached = (rows - 1) * down + kernel;
        for (first, last) in (0..kernel).flat_map(|first| (reached - kernel + 1..=reached).map(move |last| (first, last))) {
            for (ow, panels) in [(1, 1), (4, 3), (7, 2)] {
                let Some(spec) = spec(kernel, 2, kernel / 2, ow, panels) else { continue };
                let shortcut = Epilogue { shortcut: Some(panels * PANEL), ..spec.epilogue };
                for epilogue in [spec.epilogue, shortcut] {
                    let source = Source::Pitched { pitch: 32 };
                    check(&Direct { rows, down, present: (first, last), source, epilogue, ..spec.clone() }, true);
                }
            }
        }
    }
}

#[test]
fn oblong_windows_segments_and_panels() {
    let segments = vec![Segment { lane: 2, len: 1 }, Segment { lane: 5, len: 7 }, Segment { lane: 17, len: 2 }];
    for kernel in [(1, 3), (3, 1), (5, 3)] {
        for panels in 1..=5 {
            let spec = spec(kernel.1, 1, kernel.1 / 2, 13, panels).unwrap();
            let source = Source::Pitched { pitch: 48 };
            check(&Direct { kernel, present: (0, kernel.0), segments: segments.clone(), source, ..spec }, true);
        }
    }
}

#[test]
fn epilogues_at_every_width() {
    for panels in 1..=5 {
        for epilogue in epilogues(panels * PANEL + 32) {
            for idle in [0, 4, 8, 12] {
                let epilogue = with_idle(epilogue, idle);
                check(&Direct { epilogue, idle, ..spec(3, 2, 1, 7, panels).unwrap() }, exact_epilogue(&epilogue));
            }
        }
    }
}

proptest! {
    #[test]
    fn drawn(
        kernel in (1usize..=5, 1usize..=5),
        present in any::<(prop::sample::Index, prop::sample::Index)>(),
        (rows, down) in (1usize..=4, 1usize..=3),
        stride in 1usize..=3,
        dilation in 1usize..=3,
        pads in any::<[prop::sample::Index; 2]>(),
        ow in 1usize..=20,
        extra in 0usize..3,
        segments in prop::collection::vec((0usize..3, 1usize..=5), 1..=3),
        planar: bool,
        panels in 1usize..=5,
        epilogue in any::<prop::sample::Index>(),
        idle in prop_oneof![Just(0), 0usize..16],
        level in 0usize..4,
    ) {
        let reach = (kernel.1 - 1) * dilation + 1;
        let (pad, after) = (pads[0].index(reach), pads[1].index(reach));
        // The columns that the windows reach, and up to `stride - 1` more on the right that none reaches.
        let iw = ((ow - 1) * stride + reach).saturating_sub(pad + after) + extra.min(stride - 1);
        prop_assume!(iw > 0);
        let reached = (rows - 1) * down + kernel.0;
        let first = present.0.index(reached);
        let last = first + 1 + present.1.index(reached - first);
        let mut at = 0;
        let segments: Vec<Segment> = segments.into_iter().map(|(skip, len)| {
            let lane = at + skip;
            at = lane + len;
            Segment { lane, len }
        }).collect();
        let source = if planar { Source::Planar { plane: iw + 5 } } else { Source::Pitched { pitch: 32 } };
        let all = epilogues(panels * PANEL);
        let epilogue = with_idle(all[epilogue.index(all.len())], idle);
        let dst_pitch = panels * PANEL;
        let spec = Direct { kernel, rows, down, present: (first, last), stride, dilation, pad, iw, ow, source, segments, panels, idle, dst_pitch, epilogue, tile: None };
        check_at(&spec, exact_epilogue(&epilogue), Level::ALL[level]);
    }
}
