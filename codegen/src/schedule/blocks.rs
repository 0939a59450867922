//! Splits a run of panels into the units of a stage.

use crate::lower::tile::{self, Run};

/// With fewer pixels than this, there are not enough multiply-adds to hide the fetching of weights.
pub const FEWEST_ROWS: usize = 4;

/// Splits panels into units of at most `block` panels, whose sizes are as even as they can be. Their number is a multiple of the
/// number of threads, so that all threads have equally many. There are two exceptions: if one unit can hold all panels, there is
/// one; for a few pixels, whose units are short, there are as few units as possible.
pub fn cut(m: usize, panels: usize, block: usize, threads: usize) -> Vec<Run> {
    let count = match panels.div_ceil(block) {
        count if count == 1 || m < FEWEST_ROWS => return tile::even(panels, block),
        count => count.next_multiple_of(threads).min(panels),
    };
    let mut runs: Vec<Run> = Vec::new();
    for unit in 0..count {
        let start = unit * panels / count;
        let size = (unit + 1) * panels / count - start;
        match runs.last_mut() {
            Some(run) if run.size == size => run.count += 1,
            _ => runs.push(Run { start, size, count: 1 }),
        }
    }
    runs
}
