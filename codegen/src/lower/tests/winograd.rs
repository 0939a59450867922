use proptest::prelude::*;
use sartor_kernels::runtime::Level;
use sartor_ops::Winograd;
use sartor_ops::winograd::both_ways;

use super::*;
use crate::ir::kernel::Kernel;
use crate::lower::winograd::{FromTiles, IntoTiles};

impl Family for IntoTiles {
    fn lower(&self, level: Level) -> Kernel {
        self.lower(level, "intotiles".into(), Vec::new())
    }

    fn buffers(&self, values: &mut Values) -> Vec<Vec<f32>> {
        let lanes = self.panels * PANEL;
        let mut buffers: Vec<Vec<f32>> =
            (self.present.0..self.present.1).map(|_| draw_map(self.iw, lanes, self.src_pitch, values)).collect();
        buffers.push(vec![CANARY; (self.tiles - 1) * self.dst_pitch + self.form.elements() * lanes]);
        buffers
    }

    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)> {
        let (n, lanes, dst) = (self.form.inputs(), self.panels * PANEL, buffers.len() - 1);
        let value = |tile: usize, at: usize| {
            let tap = |i: usize| {
                let row = (i / n).checked_sub(self.present.0).filter(|&row| row < dst)?;
                let column = (tile * self.form.outputs() + i % n).checked_sub(self.pad).filter(|&column| column < self.iw)?;
                Some(f64::from(buffers[row][column * self.src_pitch + at % lanes]))
            };
            let square: Vec<f64> = (0..n * n).map(|i| tap(i).unwrap_or(0.0)).collect();
            both_ways(&self.form.source(), &square)[at / lanes]
        };
        let element = |i: usize| match i % self.dst_pitch {
            at if at < self.form.elements() * lanes => Want::Near(value(i / self.dst_pitch, at)),
            _ => Want::Untouched,
        };
        vec![(dst, (0..buffers[dst].len()).map(element).collect())]
    }

    fn bound(&self, _: &[Vec<f32>]) -> f64 {
        bound::into_tiles(self.form, 1.0)
    }
}

impl Family for FromTiles {
    fn lower(&self, level: Level) -> Kernel {
        self.lower(level, "fromtiles".into(), Vec::new())
    }

    fn buffers(&self, values: &mut Values) -> Vec<Vec<f32>> {
        let (lanes, tiles) = (self.panels * PANEL, self.ow.div_ceil(self.form.outputs()));
        let all = self.form.elements() * lanes;
        let src = |i: usize, values: &mut Values| match i % self.src_pitch {
            at if at < all && at % lanes < used(lanes) => values.next(),
            at if at < all => 0.0,
            _ => CANARY,
        };
        let src = (0..(tiles - 1) * self.src_pitch + all).map(|i| src(i, values)).collect();
        let mut buffers = vec![src, draw_map(1, lanes, lanes, values)];
        buffers.extend((0..self.rows).map(|_| vec![CANARY; (self.ow - 1) * self.dst_pitch + lanes]));
        if let Some(pitch) = self.epilogue.shortcut {
            buffers.extend((0..self.rows).map(|_| draw_map(self.ow, lanes, pitch, values)));
        }
        buffers
    }

    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)> {
        let (m, lanes) = (self.form.outputs(), self.panels * PANEL);
        let row = |row: usize| {
            let value = |x: usize, lane: usize| {
                let product = |element: usize| f64::from(buffers[0][x / m * self.src_pitch + element * lanes + lane]);
                let products: Vec<f64> = (0..self.form.elements()).map(product).collect();
                let sum = both_ways(&self.form.result(), &products)[row * m + x % m] + f64::from(buffers[1][lane]);
                let shortcut = self.epilogue.shortcut.map(|pitch| buffers[2 + self.rows + row][x * pitch + lane]);
                finish(&self.epilogue, lane.checked_sub((self.panels - 1) * PANEL), sum, 0.0, shortcut)
            };
            (2 + row, want_map(self.ow, lanes, self.dst_pitch, value))
        };
        (0..self.rows).map(row).collect()
    }

    fn bound(&self, _: &[Vec<f32>]) -> f64 {
        let reach = |row: &[f64]| row.iter().map(|a| a.abs()).sum::<f64>();
        let max = self.form.result().into_iter().map(reach).fold(0.0, f64::max).powi(2) + 1.0;
        let error = act_bound(self.epilogue.act, max, bound::from_tiles(self.form, 1.0, 1.0));
        act_bound(self.epilogue.post_act, max + 1.0, error + 2.0 * bound::rounding(max + 1.0))
    }
}

/// A row of tiles over `iw` columns.
pub fn into_tiles(form: Winograd, iw: usize, (pad, after): (usize, usize), panels: usize) -> Option<IntoTiles> {
    let ow = (iw + pad + after).checked_sub(2).filter(|&ow| ow > 0)?;
    let lanes = panels * PANEL;
    Some(IntoTiles {
        form,
        panels,
        present: (0, form.inputs()),
        pad,
        iw,
        tiles: ow.div_ceil(form.outputs()),
        src_pitch: lanes + 16,
        dst_pitch: form.elements() * lanes + 16,
    })
}

/// Rows of `ow` outputs.
pub fn from_tiles(form: Winograd, rows: usize, ow: usize, panels: usize) -> FromTiles {
    let lanes = panels * PANEL;
    let (src_pitch, dst_pitch) = (form.elements() * lanes + 16, lanes + 16);
    FromTiles { form, panels, rows, ow, src_pitch, dst_pitch, epilogue: Epilogue::default() }
}

/// The epilogues that a convolution by tiles has: none adds what is there.
fn unblended(pitch: usize) -> Vec<Epilogue> {
    epilogues(pitch).into_iter().filter(|epilogue| !epilogue.blend).collect()
}

#[test]
fn tiles_of_every_width() {
    for form in Winograd::ALL {
        for iw in 1..=13 {
            for padding in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                if let Some(spec) = into_tiles(form, iw, padding, 2) {
                    check(&spec, true);
                }
            }
        }
    }
}

#[test]
fn tiles_at_every_border() {
    for form in Winograd::ALL {
        for first in 0..form.inputs() {
            for last in first + 1..=form.inputs() {
                check(&IntoTiles { present: (first, last), ..into_tiles(form, 7, (1, 1), 1).unwrap() }, true);
            }
        }
    }
}

#[test]
fn outputs_of_every_size() {
    for form in Winograd::ALL {
        for rows in 1..=form.outputs() {
            for ow in 1..=9 {
                check(&from_tiles(form, rows, ow, 2), true);
            }
        }
    }
}

#[test]
fn epilogues_of_tiles() {
    for panels in 1..=3 {
        for epilogue in unblended(panels * PANEL + 32) {
            check(&FromTiles { epilogue, ..from_tiles(Winograd::Two, 2, 5, panels) }, exact_epilogue(&epilogue));
        }
    }
}

proptest! {
    #[test]
    fn drawn_tiles(
        large: bool,
        iw in 1usize..=20,
        pads in (0usize..=1, 0usize..=1),
        present in any::<(prop::sample::Index, prop::sample::Index)>(),
        panels in 1usize..=4,
        level in 0usize..4,
    ) {
        let form = Winograd::ALL[usize::from(large)];
        let spec = into_tiles(form, iw, pads, panels);
        prop_assume!(spec.is_some());
        let first = present.0.index(form.inputs());
        let last = first + 1 + present.1.index(form.inputs() - first);
        check_at(&IntoTiles { present: (first, last), ..spec.unwrap() }, true, Level::ALL[level]);
    }

    #[test]
    fn drawn_outputs(
        large: bool,
        rows in any::<prop::sample::Index>(),
        ow in 1usize..=20,
        panels in 1usize..=4,
        epilogue in any::<prop::sample::Index>(),
        level in 0usize..4,
    ) {
        let form = Winograd::ALL[usize::from(large)];
        let all = unblended(panels * PANEL + 16);
        let epilogue = all[epilogue.index(all.len())];
        let spec = FromTiles { epilogue, ..from_tiles(form, 1 + rows.index(form.outputs()), ow, panels) };
        check_at(&spec, exact_epilogue(&epilogue), Level::ALL[level]);
    }
}
