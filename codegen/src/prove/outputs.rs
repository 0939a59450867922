//! What the user gets is read from maps that are still whole, and fills the output once.

use crate::plan::Plan;
use crate::stage::Region;

use super::Program;
use super::set::Set;

/// A result that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// A result that is not where the last stages left it.
    #[error("output {output}: reads arena f32 {from} to {to}, which is no map that lives to the end")]
    Foreign {
        /// Index of the output.
        output: usize,
        /// First f32.
        from: usize,
        /// First f32 after.
        to: usize,
    },
    /// A value that no stage wrote.
    #[error("output {output}: arena f32 {at} was never written")]
    Unwritten {
        /// Index of the output.
        output: usize,
        /// Where.
        at: usize,
    },
    /// Results that leave a gap or lie on one another.
    #[error("output {output}: fills f32 {from} to {to} of the output, but what is before ends at {end}, and the output at {len}")]
    Fill {
        /// Index of the output.
        output: usize,
        /// First f32.
        from: usize,
        /// First f32 after.
        to: usize,
        /// Where the results before it end.
        end: usize,
        /// Length of the output.
        len: usize,
    },
}

/// Proves the last stage, which copies the results, after all others.
pub fn prove(program: &Program<'_>, written: &Set) -> Result<(), OutputError> {
    let Plan { unpack, stages, lengths, options, output_len, .. } = program.plan;
    let mut end = 0;
    for (output, unpack) in unpack.iter().enumerate() {
        let pixels = options.batch * unpack.pixels;
        let (from, to) = (unpack.src, unpack.src + pixels * unpack.pitch);
        let whole = |live: &super::liveness::Live| {
            live.region == Region::Arena && live.last == stages.len() && live.memory.start == from && to <= live.memory.end
        };
        if to > lengths.arena || unpack.channels > unpack.pitch || !program.lives.iter().any(whole) {
            return Err(OutputError::Foreign { output, from, to });
        }
        for pixel in 0..pixels {
            let row = from + pixel * unpack.pitch;
            if let Some(at) = written.first_missing(row..row + unpack.channels) {
                return Err(OutputError::Unwritten { output, at });
            }
        }
        let (from, to) = (unpack.dst, unpack.dst + pixels * unpack.channels);
        if from != end || to > *output_len || (output + 1 == program.plan.unpack.len() && to != *output_len) {
            return Err(OutputError::Fill { output, from, to, end, len: *output_len });
        }
        end = to;
    }
    Ok(())
}
