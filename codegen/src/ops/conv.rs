//! Convolution or linear layer, over all channels or in groups.
//!
//! A grouped convolution is packed as a dense one, with one difference: a panel only meets the input lanes of its own groups. So
//! each run of panels with the same inputs is packed, and computed, by itself. A shuffle in front only changes which lanes those
//! are.

use std::collections::BTreeSet;
use std::ops::Range;

use sartor_kernels::runtime::Level;
use sartor_models::{Activation, Window};
use typed_index_collections::TiSlice;

use super::filter::Filter;
use super::line;
use super::operator::{Operator, Role, Way};
use super::packed::{PackedLayer, PanelRun};
use super::site::{RowGroup, Site};
use crate::ids::LayerId;
use crate::ir::stage::{Int, Pointer, Region, Step};
use crate::layout::{Map, MapId, PANEL, Place, padded};
use crate::lower::direct::{Direct, Source};
use crate::lower::epilogue::{self, Epilogue};
use crate::lower::pointwise::{Pointwise, Segment, segments};
use crate::lower::spec::Spec;
use crate::lower::tile::{self, Tile, even, most_rows};

/// A convolution with its batch norm, activations and shortcut: `post_act(act(conv(src)) + shortcut)`.
#[derive(Clone, Debug)]
pub struct Conv {
    /// What is read.
    pub src: MapId,
    /// `src_lanes[c]` holds input channel `c`, in the order of the weights.
    pub src_lanes: Vec<usize>,
    /// What is written.
    pub dst: MapId,
    /// Output channel `o` goes to lane `dst_lane + o`. If this is no multiple of 16, an earlier layer wrote the lower lanes of
    /// the same group of 16, and they are kept.
    pub dst_lane: usize,
    /// Output channels.
    pub oc: usize,
    /// Its window.
    pub window: Window,
    /// Groups.
    pub groups: usize,
    /// Applied before the shortcut is added.
    pub act: Option<Activation>,
    /// A map that is added to the lanes `0..` of `dst`. It may have fewer lanes. There is one only if `dst_lane` is 0.
    pub shortcut: Option<MapId>,
    /// Applied after the shortcut is added. `None` without a shortcut.
    pub post_act: Option<Activation>,
}

impl Conv {
    /// How many products each sum has.
    pub fn taps(&self) -> usize {
        self.src_lanes.len() / self.groups * self.window.taps()
    }

    /// Whether it is a 1x1 convolution that keeps the map's size.
    pub fn is_pointwise(&self) -> bool {
        self.window == Window::POINT
    }

    /// Whether the kernel for 1x1 convolutions computes it. That kernel cannot read planar images.
    fn by_pixels(&self, src: Place) -> bool {
        self.is_pointwise() && src != Place::Input
    }

    /// What a run of panels does with its sums.
    pub fn epilogue(&self, site: &Site<'_>, run: &PanelRun) -> Epilogue {
        Epilogue {
            act: self.act,
            last_lanes: run.last_lanes,
            blend: run.blend,
            shortcut: self.shortcut.filter(|_| run.shortcut).map(|map| site.pitch(map)),
            post_act: self.post_act,
        }
    }

    /// The lane from which the kernel for 1x1 convolutions counts the lanes that a run of panels reads. So groups whose lanes lie
    /// alike share a kernel.
    pub fn base(&self, run: &PanelRun) -> usize {
        if self.groups == 1 {
            return 0;
        }
        run.segments.iter().map(|segment| segment.lane).min().unwrap_or(0) / PANEL * PANEL
    }

    /// The kernel that computes `m` pixels of a run of panels, from the first pixel's [`base`](Self::base) on.
    pub fn pointwise(&self, site: &Site<'_>, run: &PanelRun, m: usize, tile: Option<Tile>) -> Pointwise {
        Pointwise {
            m,
            segments: run.segments.iter().map(|segment| Segment { lane: segment.lane - self.base(run), ..*segment }).collect(),
            panels: run.panels,
            idle: site.whole_vectors(run.idle),
            src_pitch: site.pitch(self.src),
            dst_pitch: site.pitch(self.dst),
            epilogue: self.epilogue(site, run),
            ahead: 0,
            tile,
        }
    }

    /// The kernel that computes a group of rows of a run of panels.
    fn direct(&self, site: &Site<'_>, run: &PanelRun, rows: &RowGroup<'_>) -> Direct {
        let taps = self.present(rows);
        let (src, dst) = (&site.maps[self.src], &site.maps[self.dst]);
        let source = match site.places[self.src] {
            Place::Input => Source::Planar { plane: src.h * src.w },
            _ => Source::Pitched { pitch: site.pitch(self.src) },
        };
        Direct {
            kernel: self.window.kernel,
            rows: rows.count,
            down: if rows.count == 1 { 1 } else { self.window.stride.0 },
            present: (taps.start, taps.end),
            stride: self.window.stride.1,
            dilation: self.window.dilation.1,
            pad: self.window.padding.1.before,
            iw: src.w,
            ow: dst.w,
            source,
            segments: run.segments.clone(),
            panels: run.panels,
            idle: site.whole_vectors(run.idle),
            dst_pitch: site.pitch(self.dst),
            epilogue: self.epilogue(site, run),
            tile: rows.how.tile,
        }
    }

    /// Whether the weights come from behind L2, and so many f32 of weights follow those of the layer that a kernel may fetch beyond its own.
    fn is_fetched(&self, site: &Site<'_>, layer: LayerId, beyond: usize) -> bool {
        let PackedLayer::Conv(runs) = &site.packed.layers[layer] else { return false };
        let end = runs.iter().map(|run| run.offset + run.len(&self.window)).max().unwrap_or(0);
        site.is_beyond_l2(self.packed_len()) && end + beyond <= site.packed.data.len()
    }

    /// The kernel that computes `m` pixels of a run of panels in a group of rows. If L2 does not hold the layer's weights, each tile fetches a part of
    /// those of the next panels. The second result is how far behind the kernel's own weights these lie.
    fn pointwise_of_rows(&self, site: &Site<'_>, run: &PanelRun, rows: &RowGroup<'_>) -> (Pointwise, Option<usize>) {
        let spec = self.pointwise(site, run, rows.count * site.maps[self.dst].w, rows.how.tile);
        let (all, next) = (run.len(&self.window), spec.blocks(site.level)[0].panels.size * spec.panel_len());
        if self.is_fetched(site, rows.layer, next) && spec.can_fetch(site.level, all) {
            (Pointwise { ahead: all, ..spec }, Some(next))
        } else {
            (spec, None)
        }
    }

    /// The call that computes a group of rows of a run of panels, or of the run as long as this one that lies `index` runs behind it.
    pub fn call(&self, site: &mut Site<'_>, rows: &RowGroup<'_>, run: &PanelRun, index: &Int) -> Step {
        let by_pixels = self.by_pixels(site.places[self.src]);
        let (spec, next) = if by_pixels {
            let (spec, next) = self.pointwise_of_rows(site, run, rows);
            (Spec::Pointwise(spec), next)
        } else {
            (Spec::Direct(self.direct(site, run, rows)), None)
        };
        let lane = index.clone().times(run.panels * PANEL).plus(run.first * PANEL);
        let by = |pointer: Pointer, lanes: Int| Pointer { offset: pointer.offset.plus(lanes), ..pointer };
        let mut args = match by_pixels {
            true => vec![by(site.row(self.src, rows.first.clone()), self.base(run).into())],
            false => self.present(rows).map(|kh| site.row(self.src, rows.source(kh * self.window.dilation.0))).collect(),
        };
        let weights = index.clone().times(run.len(&self.window)).plus(run.offset);
        args.push(Pointer { region: Region::Weights, offset: weights.clone() });
        args.push(by(site.row(self.dst, rows.first.clone()), lane.clone()));
        args.extend(self.shortcut.filter(|_| run.shortcut).map(|map| by(site.row(map, rows.first.clone()), lane)));
        args.extend(next.map(|next| Pointer { region: Region::Weights, offset: weights.plus(next) }));
        site.call(rows.layer, &spec, args, rows.problem)
    }

    /// How many rows of a window's outputs are computed together: as many as a tile of two panels has room for.
    fn rows_together(&self, dst: &Map, level: Level) -> usize {
        let most = if self.window.dilation.0 == 1 { (tile::most_rows(level, 2) / dst.w).clamp(1, dst.h) } else { 1 };
        // Groups are as even as they can be.
        dst.h.div_ceil(dst.h.div_ceil(most))
    }

    /// The source rows that meet the map, counted from the first row of the first window.
    fn present(&self, rows: &RowGroup<'_>) -> Range<usize> {
        let first_beyond = |row: usize| row.div_ceil(self.window.dilation.0);
        first_beyond(rows.present.0)..first_beyond(rows.present.1)
    }

    /// The output channel in a lane of a panel, if there is one.
    fn channel_at(&self, panel: usize, lane: usize) -> Option<usize> {
        (panel * PANEL + lane).checked_sub(self.dst_lane).filter(|&channel| channel < self.oc)
    }

    /// The input channels that any output of a panel reads, in the order of their lanes.
    fn inputs_of(&self, panel: usize) -> Vec<usize> {
        let (per_in, per_out) = (self.src_lanes.len() / self.groups, self.oc / self.groups);
        let mut groups: Vec<usize> = (0..PANEL).filter_map(|lane| Some(self.channel_at(panel, lane)? / per_out)).collect();
        groups.dedup();
        let mut inputs: Vec<usize> = groups.into_iter().flat_map(|group| group * per_in..(group + 1) * per_in).collect();
        inputs.sort_by_key(|&channel| self.src_lanes[channel]);
        inputs
    }

    fn pack_panel(&self, filter: &Filter, panel: usize, inputs: &[usize], data: &mut Vec<f32>) {
        let (per_in, per_out) = (self.src_lanes.len() / self.groups, self.oc / self.groups);
        let window = self.window.taps();
        let channels: Vec<Option<usize>> = (0..PANEL).map(|lane| self.channel_at(panel, lane)).collect();
        data.extend(channels.iter().map(|channel| channel.map_or(0.0, |o| filter.bias[o])));
        for &input in inputs {
            for tap in 0..window {
                data.extend(channels.iter().map(|channel| {
                    let o = channel.filter(|o| o / per_out == input / per_in);
                    o.map_or(0.0, |o| filter.weight[(o * per_in + input % per_in) * window + tap])
                }));
            }
        }
    }
}

impl Operator for Conv {
    fn sources(&self) -> Vec<MapId> {
        std::iter::once(self.src).chain(self.shortcut).collect()
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn window(&self) -> Window {
        self.window
    }

    fn role(&self) -> Role {
        Role::Dense
    }

    fn line(&self, _maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        (line::Operator::Conv { groups: self.groups, ic: self.src_lanes.len(), oc: self.oc }, self.window)
    }

    fn words(&self) -> Vec<String> {
        epilogue::words(self.act, !self.dst_lane.is_multiple_of(PANEL), self.shortcut.is_some(), self.post_act)
    }

    fn packed_len(&self) -> usize {
        padded(self.oc) * (1 + self.taps())
    }

    fn pack(&self, maps: &TiSlice<MapId, Map>, filter: &Filter, data: &mut Vec<f32>) -> PackedLayer {
        let shortcut_panels = self.shortcut.map_or(0, |map| maps[map].c.div_ceil(PANEL));
        let first_panel = self.dst_lane / PANEL;
        let end = self.dst_lane + self.oc;
        let mut runs: Vec<PanelRun> = Vec::new();
        for panel in first_panel..end.div_ceil(PANEL) {
            let inputs = self.inputs_of(panel);
            let lanes: Vec<usize> = inputs.iter().map(|&channel| self.src_lanes[channel]).collect();
            let is_last = (panel + 1) * PANEL >= end;
            let lifts = [self.act, self.post_act].into_iter().flatten().any(|act| !act.keeps_zero());
            let run = PanelRun {
                first: panel,
                panels: 1,
                segments: segments(&lanes),
                shortcut: panel < shortcut_panels,
                blend: panel * PANEL < self.dst_lane,
                last_lanes: (is_last && lifts && !end.is_multiple_of(PANEL)).then_some(end % PANEL),
                idle: if is_last { end.next_multiple_of(PANEL) - end } else { 0 },
                offset: data.len(),
            };
            self.pack_panel(filter, panel, &inputs, data);
            match runs.last_mut() {
                Some(last)
                    if (&last.segments, last.shortcut, last.blend, last.last_lanes)
                        == (&run.segments, run.shortcut, run.blend, run.last_lanes) =>
                {
                    last.panels += 1;
                    last.idle = run.idle;
                }
                _ => runs.push(run),
            }
        }
        PackedLayer::Conv(runs)
    }

    fn prefix(&self, src: Place) -> &'static str {
        if self.by_pixels(src) { "pointwise" } else { "direct" }
    }

    fn rows_of_a_call(&self, src: Place, dst: &Map, level: Level) -> Option<usize> {
        (!self.by_pixels(src)).then(|| self.rows_together(dst, level))
    }

    fn cycles(&self, dst: &Map, way: &Way) -> f64 {
        let rows = match way.strip {
            Some(strip) if self.is_pointwise() => way.how.rows.unwrap_or(strip).clamp(1, dst.h),
            None if self.is_pointwise() => dst.h,
            _ => self.rows_together(dst, way.level),
        };
        let (m, k) = (rows * dst.w, self.taps());
        let blocks = tile::cut(way.level, m, padded(self.oc) / PANEL, k, way.how.tile);
        tile::cost(way.level, m, k, &blocks) * dst.h as f64 / rows as f64
    }

    /// For each width of a tile, a tile with the most pixels that the registers hold, and a tile with a third fewer.
    fn tiles(&self, level: Level, pixels: usize) -> Vec<Tile> {
        let (panels, k) = (padded(self.oc) / PANEL, self.taps());
        let usual = tile::choose(level, pixels, panels, k);
        let mut tiles = BTreeSet::new();
        for width in 1..=panels.min(4) {
            let most = most_rows(level, width).min(pixels);
            if most == 0 {
                continue;
            }
            // The size is as `even` splits pixels: a remainder makes all tiles smaller, and not one of them.
            let evened = |most: usize| even(pixels, most)[0].size;
            tiles.insert(Tile { panels: width, pixels: evened(most) });
            tiles.insert(Tile { panels: width, pixels: evened((most * 2).div_ceil(3)) });
        }
        let is_usual = |tile: &Tile| {
            usual.len() == 1 && tile.panels == usual[0].panels.size && even(pixels, usual[0].rows)[0].size == tile.pixels
        };
        tiles.into_iter().filter(|tile| !is_usual(tile)).collect()
    }

    fn calls(&self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step> {
        let packed = site.packed;
        let PackedLayer::Conv(runs) = &packed.layers[rows.layer] else { return Vec::new() };
        runs.iter().map(|run| self.call(site, rows, run, &Int::Const(0))).collect()
    }
}
