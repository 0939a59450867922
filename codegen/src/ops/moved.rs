//! A map that is transposed, reshaped, or copied to a part of another map.

use sartor_models::Window;
use typed_index_collections::TiSlice;

use super::digits::Digits;
use super::line::{self, Each};
use super::operator::{Operator, Role, Way};
use super::site::{RowGroup, Site};
use crate::ir::stage::Step;
use crate::layout::{Loop, Map, MapId, Place};

/// A map whose values are moved to other channels, rows and columns. It has a stage of its own.
#[derive(Clone, Debug)]
pub struct Moved {
    /// What is read. This may be the network's input, or a part of a map.
    pub src: MapId,
    /// The lane of its first channel. The others follow.
    pub src_lane: usize,
    /// How many channels are read.
    pub channels: usize,
    /// What is written. This may be a part of a map.
    pub dst: MapId,
    /// The lane of the first channel that is written. The others follow, and the lanes after the last, up to the end of its panel,
    /// are set to zero.
    pub dst_lane: usize,
    /// How many channels are written.
    pub dst_channels: usize,
    /// Which value goes where.
    pub digits: Digits,
}

impl Moved {
    /// The loops that move the values of an image, from the outermost of the destination in. `is_planar` says whether the source
    /// is the network's input.
    pub fn loops(&self, maps: &TiSlice<MapId, Map>, is_planar: bool) -> Vec<Loop> {
        let dims = |map: &Map, c: usize| [c, map.h, map.w];
        let steps = |map: &Map| [1, map.w * map.pitch(), map.pitch()];
        let (src, dst) = (&maps[self.src], &maps[self.dst]);
        let src_steps = if is_planar { [src.h * src.w, src.w, 1] } else { steps(src) };
        let loops = self.digits.loops((dims(src, self.channels), src_steps), (dims(dst, self.dst_channels), steps(dst)));
        crate::layout::in_order(loops)
    }
}

impl Operator for Moved {
    fn sources(&self) -> Vec<MapId> {
        vec![self.src]
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn role(&self) -> Role {
        Role::Alone
    }

    fn line(&self, _maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        (line::Operator::Each(Each::Move(self.digits), self.channels), Window::POINT)
    }

    fn words(&self) -> Vec<String> {
        vec![Each::Move(self.digits).word()]
    }

    fn prefix(&self, _src: Place) -> &'static str {
        "move"
    }

    /// A load and a store for each value.
    fn cycles(&self, _dst: &Map, _way: &Way) -> f64 {
        self.digits.count() as f64
    }

    /// Returns no calls, since the rows of a call are not those of other layers' calls.
    fn calls(&self, _site: &mut Site<'_>, _rows: &RowGroup<'_>) -> Vec<Step> {
        Vec::new()
    }
}
