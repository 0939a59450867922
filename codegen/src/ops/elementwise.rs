//! What operators that compute each value by itself have in common.

use sartor_models::Activation;

use super::site::{RowGroup, Site};
use crate::ir::stage::{Pointer, Step};
use crate::layout::{MapId, PANEL};
use crate::lower::eltwise::{Eltwise, Kind};
use crate::lower::spec::Spec;

/// An elementwise operator.
pub struct Elementwise {
    /// What is done before the activation.
    pub kind: Kind,
    /// What is read.
    pub src: MapId,
    /// The second operand.
    pub other: Option<Pointer>,
    /// What is written.
    pub dst: MapId,
    /// Applied last.
    pub act: Option<Activation>,
}

impl Elementwise {
    /// The calls that compute a group of rows.
    pub fn calls(self, site: &mut Site<'_>, rows: &RowGroup<'_>) -> Vec<Step> {
        let used = site.maps[self.dst].c % PANEL;
        let lifts = self.kind.lifts() || self.act.is_some_and(|act| !act.keeps_zero());
        let spec = Eltwise {
            kind: self.kind,
            m: rows.count * site.maps[self.dst].w,
            panels: site.panels(self.src),
            src_pitch: site.pitch(self.src),
            dst_pitch: site.pitch(self.dst),
            act: self.act,
            last_lanes: (lifts && used != 0).then_some(used),
        };
        let mut args = vec![site.row(self.src, rows.first.clone())];
        args.extend(self.other);
        args.push(site.row(self.dst, rows.first.clone()));
        vec![site.call(rows.layer, &Spec::Eltwise(spec), args, rows.problem)]
    }
}
