//! An operator that moves pixels.

use sartor_models::{DepthOrder, Padding, Rearrange, Window};
use typed_index_collections::TiSlice;

use super::line::{self, Each};
use super::operator::{Operator, Role};
use super::site::{RowGroup, Site};
use crate::ir::stage::Step;
use crate::layout::{Map, MapId, Place, padded};

/// A map with its pixels moved. It has a stage of its own, which is split along rows.
#[derive(Clone, Debug)]
pub struct Rearranged {
    /// What is read. The channels of a block's first pixel, which become those of a pixel, are in its first lanes, those of the
    /// second pixel in the lanes from the next group of 16 on, and so forth. The lanes between them may hold anything.
    pub src: MapId,
    /// What is written, in the same lanes.
    pub dst: MapId,
    /// Where pixels come from.
    pub how: Rearrange,
}

/// Where the source of a depth-to-space holds its channels. The channels that become one pixel of a block of `block` by `block` pixels lie
/// side by side, padded to whole panels, as [`Rearranged::src`] says. Returns the lane of each channel, and how many lanes a pixel has.
pub fn lanes_of_blocks(channels: usize, block: usize, order: DepthOrder) -> (Vec<usize>, usize) {
    let (pixels, each) = (block * block, channels / (block * block));
    let lane = |channel: usize| {
        let (pixel, o) = order.place(channel, channels, pixels);
        pixel * padded(each) + o
    };
    ((0..channels).map(lane).collect(), (pixels - 1) * padded(each) + each)
}

impl Rearranged {
    /// The lane, row and column of a source of `h` x `w` pixels that a value of the result is; `None` if it is zero. `c` is the
    /// result's number of channels.
    pub fn source(&self, c: usize, (h, w): (usize, usize), (lane, y, x): (usize, usize, usize)) -> Option<(usize, usize, usize)> {
        match self.how {
            Rearrange::DepthToSpace { block, .. } => {
                Some(((y % block * block + x % block) * padded(c) + lane, y / block, x / block))
            }
            how => how.source((c, h, w), (lane, y, x)),
        }
    }
}

impl Operator for Rearranged {
    fn sources(&self) -> Vec<MapId> {
        vec![self.src]
    }

    fn dst(&self) -> MapId {
        self.dst
    }

    fn role(&self) -> Role {
        Role::Alone
    }

    /// What is padded or cropped in front is said as padding.
    fn line(&self, maps: &TiSlice<MapId, Map>) -> (line::Operator, Window) {
        let c = maps[self.dst].c;
        let (each, c, padding) = match self.how {
            Rearrange::Upsample { .. } => (Each::Upsample, c, Padding::NONE),
            Rearrange::DepthToSpace { block, .. } => (Each::DepthToSpace, c * block * block, Padding::NONE),
            Rearrange::Pad { rows, columns } => (Each::Pad, c, (rows, columns)),
            Rearrange::Crop { rows, columns } => (Each::Crop, c, (rows, columns)),
        };
        (line::Operator::Each(each, c), Window { padding, ..Window::POINT })
    }

    fn words(&self) -> Vec<String> {
        vec![self.how.word().into()]
    }

    fn prefix(&self, _src: Place) -> &'static str {
        self.how.word()
    }

    /// Returns no calls, since the rows of a call are not those of other layers' calls.
    fn calls(&self, _site: &mut Site<'_>, _rows: &RowGroup<'_>) -> Vec<Step> {
        Vec::new()
    }
}
