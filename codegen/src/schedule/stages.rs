//! Splits a network into stages, and writes them.

use typed_index_collections::TiVec;

use super::context::Context;
use super::limits::{self, ScheduleError};
use super::options::Options;
use super::partition::{self, Group};
use super::{arena, chain, moved, panels, rearrange};
use crate::layout::{MapId, Place};
use crate::lower::library::Library;
use crate::network::layers::{LayerOp, Layers};
use crate::network::output::Piece;
use crate::network::pack::Packed;
use crate::ops::site::Site;
use crate::plan::{Copied, Lengths, Plan, StagePlan, Unpack};

/// The stages of a network and the places of its maps: what is decided before any stage is lowered.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub(super) groups: Vec<Group>,
    /// Where each map lies. Maps inside chains get their rings when the chain is lowered.
    pub(crate) places: TiVec<MapId, Place>,
    /// Length of the arena, in f32.
    pub(super) arena: usize,
}

impl Schedule {
    /// Splits a network into stages and places its maps.
    ///
    /// # Errors
    /// If the batch is 0, or a map or a window is too large.
    pub fn new(layers: &Layers, options: &Options) -> Result<Self, ScheduleError> {
        limits::check_maps(layers, options.batch)?;
        limits::check_windows(layers)?;
        let groups = partition::partition(layers, options);
        let (places, arena) = arena::place(layers, &groups, options.batch);
        Ok(Self { groups, places, arena })
    }

    /// Writes the stages and their kernels.
    pub fn plan(&self, layers: &Layers, packed: &Packed, options: &Options) -> Plan {
        let site = Site {
            level: options.level,
            batch: options.batch,
            l2: options.l2,
            maps: layers.maps.as_ref(),
            packed,
            places: self.places.clone(),
            library: Library::new(options.level),
            kernels_of: layers.layers.iter().map(|_| Vec::new()).collect(),
        };
        let mut cx = Context { layers, options, site, scratch: 0 };
        let stages = self.groups.iter().enumerate().map(|(index, group)| {
            let name = format!("stage_{index:02}");
            // In a trial, a map may lie in a ring for one stage and be whole for the next.
            for layer in group.layers() {
                let layer = &layers[layer];
                layer.sources().into_iter().chain([layer.dst()]).for_each(|map| cx.site.places[map] = self.places[map]);
            }
            match group {
                Group::Chain { layers, strip, how } => chain::stage(&mut cx, name, layers, *strip, how),
                Group::Panels { layer, how } => panels::stage(&mut cx, name, *layer, how),
                Group::Alone { layer } => match layers[*layer].op {
                    LayerOp::Reduce(_) => panels::reduce_stage(&mut cx, name, *layer),
                    LayerOp::Move(_) | LayerOp::Constant(_) => moved::stage(&mut cx, name, *layer),
                    _ => rearrange::stage(&mut cx, name, *layer),
                },
            }
        });
        let stages: Vec<StagePlan> = stages.collect();
        let input = &layers[MapId(0)];
        let input = input.c * input.h * input.w * options.batch;
        let lengths = Lengths { input, arena: self.arena, scratch: cx.scratch, weights: packed.data.len() };
        let (unpack, output_len) = unpack(layers, &self.places, options.batch);
        Plan {
            level: options.level,
            batch: options.batch,
            layers: layers.clone(),
            kernels: cx.site.library.finish(),
            stages,
            places: cx.site.places,
            unpack,
            lengths,
            output_len,
            kernels_of: cx.site.kernels_of,
        }
    }
}

/// Plans a network. The plan is not proven yet: see [`prove`](crate::prove).
///
/// # Errors
/// If the batch is 0, or a map or a window is too large.
pub fn plan(layers: &Layers, packed: &Packed, options: &Options) -> Result<Plan, ScheduleError> {
    Ok(Schedule::new(layers, options)?.plan(layers, packed, options))
}

fn unpack(layers: &Layers, places: &TiVec<MapId, Place>, batch: usize) -> (Vec<Unpack>, usize) {
    let mut dst = 0;
    let mut all = Vec::new();
    for output in &layers.outputs {
        let copied = |piece: &Piece| {
            let (id, first, loops) = (piece.value.map, piece.first, piece.loops.clone());
            let map = &layers[id];
            let Place::Arena { offset: src } = places[id] else { return None };
            Some(Copied { src, image: map.h * map.w * map.pitch(), first, loops })
        };
        let Some(pieces) = output.pieces.iter().map(copied).collect() else { continue };
        all.push(Unpack { dst, len: output.len, pieces, softmaxes: output.softmaxes.clone() });
        dst += batch * output.len;
    }
    (all, dst)
}
