//! Proves that what the user gets is read from maps that are still whole, and that it fills the output exactly once.
//!
//! A batch may take several passes. An output then begins at its place in one pass times the number of passes, and the passes
//! follow one another there. So if the outputs of one pass fill the output of one pass, those of all passes fill the whole
//! output.

use crate::ir::stage::Region;
use crate::plan::Plan;

use super::facts::Facts;
use super::live::Live;
use super::set::Set;

/// A result that cannot be returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// A result that is not where the last stages left it.
    #[error("output {output}: reads {pixels} pixels of {pitch} f32 from arena f32 {from}, which is no map that lives to the end")]
    Foreign {
        /// Index of the output.
        output: usize,
        /// First f32.
        from: usize,
        /// Pixels of all images.
        pixels: usize,
        /// f32 from pixel to pixel.
        pitch: usize,
    },
    /// A value that no stage wrote.
    #[error("output {output}: arena f32 {at} was never written")]
    Unwritten {
        /// Index of the output.
        output: usize,
        /// Where.
        at: usize,
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
    let Plan { unpack, layers, stages, batch, output_len, .. } = facts.plan;
    let mut end = 0;
    for (output, unpack) in unpack.iter().enumerate() {
        let pixels = batch * unpack.pixels;
        let (from, pitch) = (unpack.src, unpack.pitch);
        let whole = |live: &Live| {
            let map = &layers[live.map];
            let fits = live.memory == (from..from + pixels * pitch) && (map.pitch(), map.h * map.w) == (pitch, unpack.pixels);
            live.region == Region::Arena && live.last == stages.len() && fits
        };
        if unpack.channels > pitch || !facts.lives.iter().any(whole) {
            return Err(OutputError::Foreign { output, from, pixels, pitch });
        }
        for pixel in 0..pixels {
            let row = from + pixel * unpack.pitch;
            if let Some(at) = written.first_missing(row..row + unpack.channels) {
                return Err(OutputError::Unwritten { output, at });
            }
        }
        let (from, to) = (unpack.dst, unpack.dst + pixels * unpack.channels);
        if from != end || to > *output_len || (output + 1 == facts.plan.unpack.len() && to != *output_len) {
            return Err(OutputError::Fill { output, from, to, end, len: *output_len });
        }
        end = to;
    }
    Ok(())
}
