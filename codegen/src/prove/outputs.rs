//! Proves that what the user gets is read from maps that are still whole, and that it fills the output exactly once.
//!
//! A batch may take several passes. An output then begins at its place in one pass times the number of passes, and the passes
//! follow one another there. So if the outputs of one pass fill the output of one pass, those of all passes fill the whole
//! output.

use crate::ir::stage::Region;
use crate::network::output::{Loop, each};
use crate::plan::{Copied, Plan, Unpack};

use super::facts::Facts;
use super::live::Live;
use super::set::Set;

/// A result that cannot be returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// A result that is not where the last stages left it.
    #[error("output {output}: reads {len} f32 from arena f32 {from}, which is no map that lives to the end")]
    Foreign {
        /// Index of the output.
        output: usize,
        /// First f32.
        from: usize,
        /// How many f32 the images of the map have.
        len: usize,
    },
    /// A loop that leaves its map or its image of the output, or a softmax that does.
    #[error("output {output}: {what} leaves the {len} f32 of an image")]
    Beyond {
        /// Index of the output.
        output: usize,
        /// What leaves them.
        what: &'static str,
        /// f32 of an image.
        len: usize,
    },
    /// A value that no stage wrote.
    #[error("output {output}: arena f32 {at} was never written")]
    Unwritten {
        /// Index of the output.
        output: usize,
        /// Where.
        at: usize,
    },
    /// A value of an image that is written twice or never.
    #[error("output {output}: f32 {at} of an image is written {times} times")]
    Times {
        /// Index of the output.
        output: usize,
        /// Where.
        at: usize,
        /// How often it is written: 0, or 2 for more than once.
        times: usize,
    },
    /// Results that leave a gap or overlap.
    #[error("output {output}: fills f32 {from} to {to} of the output, but what is before ends at {end}, and the output at {len}")]
    Fill {
        /// Index of the output.
        output: usize,
        /// First f32.
        from: usize,
        /// First f32 after it.
        to: usize,
        /// Where the results before it end.
        end: usize,
        /// Length of the output.
        len: usize,
    },
}

/// Proves the copying of the results, which comes after all stages.
pub fn prove(facts: &Facts<'_>, written: &Set) -> Result<(), OutputError> {
    let Plan { unpack: all, batch, output_len, .. } = facts.plan;
    let mut end = 0;
    for (output, unpack) in all.iter().enumerate() {
        for copied in &unpack.pieces {
            source(facts, written, output, copied)?;
        }
        let (from, to) = (unpack.dst, unpack.dst + batch * unpack.len);
        if from != end || to > *output_len || (output + 1 == all.len() && to != *output_len) {
            return Err(OutputError::Fill { output, from, to, end, len: *output_len });
        }
        image(output, unpack)?;
        end = to;
    }
    Ok(())
}

/// Proves what a piece reads.
fn source(facts: &Facts<'_>, written: &Set, output: usize, copied: &Copied) -> Result<(), OutputError> {
    let Plan { layers, stages, batch, .. } = facts.plan;
    let Copied { src, image, .. } = *copied;
    let whole = |live: &Live| {
        let map = &layers[live.map];
        let fits = live.memory == (src..src + batch * image) && map.h * map.w * map.pitch() == image;
        live.region == Region::Arena && live.last == stages.len() && fits
    };
    if !facts.lives.iter().any(whole) {
        return Err(OutputError::Foreign { output, from: src, len: batch * image });
    }
    if reach(copied.loops.iter().map(|each| (each.count, each.src))).is_none_or(|reach| reach >= image) {
        return Err(OutputError::Beyond { output, what: "what is read", len: image });
    }
    // Neighbours are looked up together.
    let (runs, rest): (Vec<Loop>, Vec<Loop>) = copied.loops.iter().partition(|each| each.src == 1);
    let run = runs.iter().map(|each| each.count - 1).sum::<usize>() + 1;
    let mut missing = None;
    for base in (0..*batch).map(|n| src + n * image) {
        each(&rest, (base, 0), &mut |at, _| missing = missing.or_else(|| written.first_missing(at..at + run)));
    }
    missing.map_or(Ok(()), |at| Err(OutputError::Unwritten { output, at }))
}

/// Proves that the pieces fill an image of the output exactly once, and that softmaxes stay in it.
fn image(output: usize, unpack: &Unpack) -> Result<(), OutputError> {
    let len = unpack.len;
    let beyond = |what| Err(OutputError::Beyond { output, what, len });
    let mut times = vec![0_u8; len];
    for Copied { first, loops, .. } in &unpack.pieces {
        let places = std::iter::once((2, *first)).chain(loops.iter().map(|each| (each.count, each.dst)));
        if reach(places).is_none_or(|reach| reach >= len) {
            return beyond("what is written");
        }
        each(loops, (0, *first), &mut |_, at| times[at] = times[at].saturating_add(1));
    }
    if let Some(at) = times.iter().position(|&times| times != 1) {
        return Err(OutputError::Times { output, at, times: times[at].min(2).into() });
    }
    for softmax in &unpack.softmaxes {
        let strides = std::iter::once(&softmax.row).chain(&softmax.rows).map(|stride| (stride.count, stride.step));
        if reach(std::iter::once((2, softmax.first)).chain(strides)).is_none_or(|reach| reach >= len) {
            return beyond("a softmax");
        }
    }
    Ok(())
}

/// The place of the last value of loops, each with its iterations and its stride; `None` if a loop has no iterations or it does
/// not fit.
fn reach(mut loops: impl Iterator<Item = (usize, usize)>) -> Option<usize> {
    loops.try_fold(0_usize, |sum, (count, step)| sum.checked_add(count.checked_sub(1)?.checked_mul(step)?))
}
