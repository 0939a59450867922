//! Loops that only load or only store. Each returns how many vectors it moved.
//!
//! On x86-64 they are written in assembly, so that there is no arithmetic beside the loads. Elsewhere they add up vectors of four
//! lanes that the compiler makes.

use std::hint::black_box;

use sartor_kernels::runtime::Level;

/// How many vectors an unrolled step moves.
#[cfg(target_arch = "x86_64")]
const STEP: usize = 8;

/// The loops for a level that this CPU has.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    level: Level,
}

impl Stream {
    /// The loops for a level; `None` if this CPU lacks the level.
    pub fn new(level: Level) -> Option<Self> {
        level.is_available().then_some(Self { level })
    }

    /// The level.
    pub fn level(self) -> Level {
        self.level
    }

    /// Loads a buffer once, vector by vector.
    pub fn load(self, buffer: &[f32]) -> usize {
        match self.level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the CPU has the level, and the loop stays inside the buffer.
            Level::Avx512 => unsafe { x86::load_avx512(buffer) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { x86::load_avx2(buffer) },
            _ => plain_load(buffer),
        }
    }

    /// Loads single values of a buffer into all lanes.
    pub fn broadcast(self, buffer: &[f32]) -> usize {
        match self.level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the CPU has the level, and the loop stays inside the buffer.
            Level::Avx512 => unsafe { x86::broadcast_avx512(buffer) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { x86::broadcast_avx2(buffer) },
            _ => plain_load(buffer),
        }
    }

    /// Writes a buffer once, vector by vector.
    pub fn store(self, buffer: &mut [f32]) -> usize {
        match self.level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the CPU has the level, and the loop stays inside the buffer.
            Level::Avx512 => unsafe { x86::store_avx512(buffer) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { x86::store_avx2(buffer) },
            _ => {
                buffer.fill(black_box(0.25));
                buffer.len() / 4
            }
        }
    }
}

fn plain_load(buffer: &[f32]) -> usize {
    let mut sums = [[0.0f32; 4]; 8];
    let chunks = buffer.chunks_exact(32);
    let count = chunks.len() * 8;
    for chunk in chunks {
        for (sum, vector) in sums.iter_mut().zip(chunk.chunks_exact(4)) {
            for (sum, value) in sum.iter_mut().zip(vector) {
                *sum += value;
            }
        }
    }
    black_box(sums);
    count
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::STEP;
    use std::arch::asm;

    /// Loads `STEP` vectors a step, each `$bytes` after the one before.
    macro_rules! load_loop {
        ($name:ident, $feature:literal, $class:ident, $instruction:literal, $bytes:literal) => {
            /// # Safety
            /// The CPU must have the features.
            #[target_feature(enable = $feature)]
            pub unsafe fn $name(buffer: &[f32]) -> usize {
                let steps = buffer.len() * 4 / ($bytes * STEP);
                for step in 0..steps {
                    // SAFETY: the bytes of the step are inside the buffer, and the loaded values are not used.
                    unsafe {
                        asm!(
                            concat!($instruction, " {0}, [{p}]"),
                            concat!($instruction, " {1}, [{p} + ", $bytes, "]"),
                            concat!($instruction, " {2}, [{p} + 2*", $bytes, "]"),
                            concat!($instruction, " {3}, [{p} + 3*", $bytes, "]"),
                            concat!($instruction, " {4}, [{p} + 4*", $bytes, "]"),
                            concat!($instruction, " {5}, [{p} + 5*", $bytes, "]"),
                            concat!($instruction, " {6}, [{p} + 6*", $bytes, "]"),
                            concat!($instruction, " {7}, [{p} + 7*", $bytes, "]"),
                            out($class) _, out($class) _, out($class) _, out($class) _,
                            out($class) _, out($class) _, out($class) _, out($class) _,
                            p = in(reg) buffer.as_ptr().add(step * STEP * $bytes / 4),
                            options(nostack, preserves_flags, readonly)
                        );
                    }
                }
                steps * STEP
            }
        };
    }

    /// Stores `STEP` vectors of `$bytes` each a step.
    macro_rules! store_loop {
        ($name:ident, $feature:literal, $class:ident, $vector:ty, $bytes:literal) => {
            /// # Safety
            /// The CPU must have the features.
            #[target_feature(enable = $feature)]
            pub unsafe fn $name(buffer: &mut [f32]) -> usize {
                // SAFETY: every bit pattern is a valid vector.
                let value: $vector = unsafe { std::mem::zeroed() };
                let steps = buffer.len() * 4 / ($bytes * STEP);
                for step in 0..steps {
                    // SAFETY: the bytes of the step are inside the buffer.
                    unsafe {
                        asm!(
                            "vmovups [{p}], {v}",
                            concat!("vmovups [{p} + ", $bytes, "], {v}"),
                            concat!("vmovups [{p} + 2*", $bytes, "], {v}"),
                            concat!("vmovups [{p} + 3*", $bytes, "], {v}"),
                            concat!("vmovups [{p} + 4*", $bytes, "], {v}"),
                            concat!("vmovups [{p} + 5*", $bytes, "], {v}"),
                            concat!("vmovups [{p} + 6*", $bytes, "], {v}"),
                            concat!("vmovups [{p} + 7*", $bytes, "], {v}"),
                            v = in($class) value,
                            p = in(reg) buffer.as_mut_ptr().add(step * STEP * $bytes / 4),
                            options(nostack, preserves_flags)
                        );
                    }
                }
                steps * STEP
            }
        };
    }

    load_loop!(load_avx512, "avx512f", zmm_reg, "vmovups", 64);
    load_loop!(load_avx2, "avx2", ymm_reg, "vmovups", 32);
    load_loop!(broadcast_avx512, "avx512f", zmm_reg, "vbroadcastss", 4);
    load_loop!(broadcast_avx2, "avx2", ymm_reg, "vbroadcastss", 4);
    store_loop!(store_avx512, "avx512f", zmm_reg, std::arch::x86_64::__m512, 64);
    store_loop!(store_avx2, "avx2", ymm_reg, std::arch::x86_64::__m256, 32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_move_what_they_say() {
        let mut ran = 0;
        for (level, stream) in Level::ALL.into_iter().filter_map(|level| Some((level, Stream::new(level)?))) {
            let lanes = sartor_codegen::ir::isa::of(level).lanes;
            let mut buffer = vec![0.5; 8 * 16 * 3];
            assert_eq!(stream.load(&buffer), buffer.len() / lanes, "{level}");
            assert!(stream.broadcast(&buffer) > 0, "{level}");
            assert_eq!(stream.store(&mut buffer), buffer.len() / lanes, "{level}");
            assert!(buffer.iter().all(|&value| value != 0.5), "{level}");
            ran += 1;
        }
        assert!(ran > 0);
    }
}
