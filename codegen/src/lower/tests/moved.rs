use proptest::prelude::*;
use sartor_kernels::runtime::Level;

use super::*;
use crate::ir::kernel::Kernel;
use crate::layout::{Loop, each, in_order};
use crate::lower::moved::{Cleared, Moved};

impl Moved {
    /// The places that are read and written, in the order of the loops.
    fn places(&self) -> Vec<(usize, usize)> {
        let together = Loop { count: self.together, src: 1, dst: 1 };
        let mut places = Vec::new();
        each(&[&self.loops[..], &[together]].concat(), (0, 0), &mut |from, to| places.push((from, to)));
        places
    }

    fn clears(&self) -> Vec<usize> {
        let clear = |Cleared { first, lanes, pixels, pitch }: Cleared| {
            (0..pixels).flat_map(move |x| (0..lanes).map(move |lane| first + x * pitch + lane))
        };
        self.cleared.into_iter().flat_map(clear).collect()
    }
}

impl Family for Moved {
    fn lower(&self, level: Level) -> Kernel {
        self.lower(level, "move".into(), Vec::new())
    }

    fn buffers(&self, values: &mut Values) -> Vec<Vec<f32>> {
        let places = self.places();
        let len = |places: &mut dyn Iterator<Item = usize>| places.max().unwrap_or(0) + 1;
        let mut src = vec![CANARY; len(&mut places.iter().map(|place| place.0))];
        places.iter().for_each(|&(from, _)| src[from] = values.next());
        vec![src, vec![CANARY; len(&mut places.iter().map(|place| place.1).chain(self.clears()))]]
    }

    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)> {
        let mut wants = vec![Want::Untouched; buffers[1].len()];
        self.clears().into_iter().for_each(|at| wants[at] = Want::Exactly(0.0));
        self.places().into_iter().for_each(|(from, to)| wants[to] = Want::Exactly(buffers[0][from].into()));
        vec![(1, wants)]
    }

    fn bound(&self, _: &[Vec<f32>]) -> f64 {
        0.0
    }
}

/// A map of `c` x `h` x `w` whose channels become columns: pixel `(y, c)` of the result has the columns as channels.
pub fn spec(c: usize, h: usize, w: usize) -> Moved {
    let (src, dst) = (c.next_multiple_of(16), w.next_multiple_of(16));
    let loops = [(c, 1, dst), (h, w * src, c * dst), (w, src, 1)].map(|(count, src, dst)| Loop { count, src, dst });
    let pads = dst - w;
    let cleared = (pads > 0).then_some(Cleared { first: w, lanes: pads, pixels: h * c, pitch: dst });
    Moved { loops: in_order(loops.to_vec()), together: 1, cleared }
}

/// A map whose rows become columns, and columns rows: lanes stay together.
pub fn turned(panels: usize, h: usize, w: usize) -> Moved {
    let pitch = panels * PANEL;
    let loops = [(h, w, 1), (w, 1, h)].map(|(count, src, dst)| Loop { count, src: src * pitch, dst: dst * pitch });
    Moved { loops: in_order(loops.to_vec()), together: pitch, cleared: None }
}

#[test]
fn maps_of_every_kind() {
    for (c, h, w) in [(1, 1, 1), (3, 2, 5), (16, 1, 16), (17, 3, 2), (5, 4, 33), (40, 1, 1), (1, 6, 7)] {
        check(&spec(c, h, w), true);
        check(&turned(c.div_ceil(16), h, w), true);
    }
    // Nothing but zeros behind one value.
    check(&Moved { loops: Vec::new(), together: 1, cleared: Some(Cleared { first: 1, lanes: 15, pixels: 1, pitch: 0 }) }, true);
}

proptest! {
    #[test]
    fn drawn(c in 1usize..=40, h in 1usize..=5, w in 1usize..=20, level in 0usize..4) {
        check_at(&spec(c, h, w), true, Level::ALL[level]);
    }
}
