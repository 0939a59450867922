//! Two short loops that measure what the core can do at this moment. Programs are compared with them.
//!
//! Another program on the same physical core takes issue slots. A loop of FMAs alone keeps most of its speed even then, so its
//! best run is the level's peak. A register tile with operands in L1 fills the issue slots as the program's kernels do, so it
//! shows whether another program is running.

use std::hint::black_box;
use std::time::Instant;

use sartor_codegen::ir::isa;
use sartor_kernels::runtime::{Aligned, Level};

/// Steps of the FMA loop, which take about ten microseconds.
const FMA_STEPS: usize = 4096;
/// Inner length of the tile's matrix product. Its panels take 12 KB at most.
const K: usize = 64;
/// Floating-point operations of one probe with the tile, which take about ten microseconds.
const TILE_FLOPS: usize = 1 << 20;

/// The two probes for a level.
#[derive(Debug)]
pub struct Probe {
    level: Level,
    a: Aligned,
    b: Aligned,
}

impl Probe {
    /// The probes for a level; `None` if this CPU lacks the level.
    pub fn new(level: Level) -> Option<Self> {
        let filled = |len| Aligned::copy_of(&vec![0.5; len]);
        level.is_available().then(|| Self { level, a: filled(14 * K), b: filled(32 * K) })
    }

    /// The GFLOP/s of a loop of independent fused multiply-adds in registers.
    pub fn fma(&self) -> f64 {
        let start = Instant::now();
        // SAFETY: `new` checked that the CPU has the level.
        let flops = unsafe {
            match self.level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => x86::fma_avx512(black_box(0.5)),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => x86::fma_avx2(black_box(0.5)),
                #[cfg(target_arch = "aarch64")]
                Level::Neon => arm::fma_neon(black_box(0.5)),
                _ => portable::fma(black_box(0.5)),
            }
        };
        flops as f64 / start.elapsed().as_nanos().max(1) as f64
    }

    /// The vector operations per nanosecond of an even mix of multiply-adds and additions, all independent.
    pub fn operations(&self) -> f64 {
        let start = Instant::now();
        // SAFETY: `new` checked that the CPU has the level.
        let operations = unsafe {
            match self.level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => x86::mix_avx512(black_box(0.5)),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => x86::mix_avx2(black_box(0.5)),
                #[cfg(target_arch = "aarch64")]
                Level::Neon => arm::mix_neon(black_box(0.5)),
                _ => portable::mix(black_box(0.5)),
            }
        };
        operations as f64 / start.elapsed().as_nanos().max(1) as f64
    }

    /// The multiply-adds per nanosecond if each needs the result of the one before.
    pub fn fma_chain(&self) -> f64 {
        let start = Instant::now();
        // SAFETY: `new` checked that the CPU has the level.
        let flops = unsafe {
            match self.level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => x86::fma_chain_avx512(black_box(0.5)),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => x86::fma_chain_avx2(black_box(0.5)),
                #[cfg(target_arch = "aarch64")]
                Level::Neon => arm::fma_chain_neon(black_box(0.5)),
                _ => portable::fma_chain(black_box(0.5)),
            }
        };
        self.vectors(flops) / start.elapsed().as_nanos().max(1) as f64
    }

    /// The additions per nanosecond if each needs the result of the one before.
    pub fn add_chain(&self) -> f64 {
        let start = Instant::now();
        // SAFETY: `new` checked that the CPU has the level.
        let flops = unsafe {
            match self.level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => x86::add_chain_avx512(black_box(0.5)),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => x86::add_chain_avx2(black_box(0.5)),
                #[cfg(target_arch = "aarch64")]
                Level::Neon => arm::add_chain_neon(black_box(0.5)),
                _ => portable::add_chain(black_box(0.5)),
            }
        };
        self.vectors(flops) / start.elapsed().as_nanos().max(1) as f64
    }

    /// The number of vector operations in `flops` floating-point operations, at two a lane.
    fn vectors(&self, flops: usize) -> f64 {
        flops as f64 / (2 * isa::of(self.level).lanes) as f64
    }

    /// The GFLOP/s of a register tile of a matrix product with operands in L1.
    pub fn tile(&self) -> f64 {
        // The program that ran before has filled L1. This first pass, which is not timed, loads the operands again.
        self.one_tile();
        let start = Instant::now();
        let mut flops = 0;
        while flops < TILE_FLOPS {
            flops += self.one_tile();
        }
        flops as f64 / start.elapsed().as_nanos().max(1) as f64
    }

    /// Computes the tile once. Returns the number of floating-point operations.
    fn one_tile(&self) -> usize {
        let (a, b) = (black_box(&*self.a), black_box(&*self.b));
        // SAFETY: `new` checked that the CPU has the level, and gave `a` 14 rows and `b` 32 columns of K values.
        unsafe {
            match self.level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => x86::tile_avx512(a.as_ptr(), b.as_ptr()),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => x86::tile_avx2(a.as_ptr(), b.as_ptr()),
                #[cfg(target_arch = "aarch64")]
                Level::Neon => arm::tile_neon(a.as_ptr(), b.as_ptr()),
                _ => portable::tile(a, b),
            }
        }
    }
}

/// `acc = acc * x + x` in independent vectors. Returns the number of floating-point operations.
macro_rules! fma_loop {
    ($name:ident, $feature:literal, $vector:ty, $accumulators:literal, $splat:ident, $fma:expr) => {
        #[target_feature(enable = $feature)]
        pub fn $name(x: f32) -> usize {
            let x = $splat(x);
            let mut acc: [$vector; $accumulators] = [x; $accumulators];
            for _ in 0..FMA_STEPS {
                for i in 0..$accumulators {
                    acc[i] = $fma(acc[i], x);
                }
            }
            black_box(acc);
            FMA_STEPS * $accumulators * (size_of::<$vector>() / 4) * 2
        }
    };
}

/// As many multiply-adds as additions, in independent vectors. Returns the number of vector operations.
macro_rules! mix_loop {
    ($name:ident, $feature:literal, $vector:ty, $pairs:literal, $splat:ident, $fma:expr, $add:ident) => {
        #[target_feature(enable = $feature)]
        pub fn $name(x: f32) -> usize {
            let x = $splat(x);
            let (mut products, mut sums): ([$vector; $pairs], [$vector; $pairs]) = ([x; $pairs], [x; $pairs]);
            for _ in 0..FMA_STEPS {
                for i in 0..$pairs {
                    products[i] = $fma(products[i], x);
                    sums[i] = $add(sums[i], x);
                }
            }
            black_box((products, sums));
            FMA_STEPS * $pairs * 2
        }
    };
}

/// `rows` pixels times `vectors` vectors of output channels. Each value of `a` is broadcast once. Returns the number of operations.
macro_rules! tile {
    ($name:ident, $feature:literal, $vector:ty, $rows:literal x $vectors:literal, $load:ident, $splat:ident, $fma:expr) => {
        /// # Safety
        /// `a` must hold `rows * K` f32 and `b` must hold `K` rows of `vectors` aligned vectors.
        #[target_feature(enable = $feature)]
        pub unsafe fn $name(a: *const f32, b: *const f32) -> usize {
            const LANES: usize = size_of::<$vector>() / 4;
            let mut acc: [[$vector; $vectors]; $rows] = [[$splat(0.0); $vectors]; $rows];
            for k in 0..K {
                // SAFETY: k < K and i < vectors, see above.
                let row: [$vector; $vectors] = std::array::from_fn(|i| unsafe { $load(b.add((k * $vectors + i) * LANES)) });
                for r in 0..$rows {
                    // SAFETY: r < rows and k < K, see above.
                    let value = $splat(unsafe { *a.add(r * K + k) });
                    for i in 0..$vectors {
                        acc[r][i] = $fma(acc[r][i], value, row[i]);
                    }
                }
            }
            black_box(&acc);
            K * $rows * $vectors * LANES * 2
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{FMA_STEPS, K, black_box};
    use std::arch::x86_64::*;

    fma_loop!(fma_avx512, "avx512f", __m512, 16, _mm512_set1_ps, |acc, x| _mm512_fmadd_ps(acc, x, x));
    fma_loop!(fma_avx2, "avx2,fma", __m256, 12, _mm256_set1_ps, |acc, x| _mm256_fmadd_ps(acc, x, x));
    fma_loop!(fma_chain_avx512, "avx512f", __m512, 1, _mm512_set1_ps, |acc, x| _mm512_fmadd_ps(acc, x, x));
    fma_loop!(fma_chain_avx2, "avx2,fma", __m256, 1, _mm256_set1_ps, |acc, x| _mm256_fmadd_ps(acc, x, x));
    fma_loop!(add_chain_avx512, "avx512f", __m512, 1, _mm512_set1_ps, |acc, x| _mm512_add_ps(acc, x));
    fma_loop!(add_chain_avx2, "avx2,fma", __m256, 1, _mm256_set1_ps, |acc, x| _mm256_add_ps(acc, x));
    mix_loop!(mix_avx512, "avx512f", __m512, 12, _mm512_set1_ps, |acc, x| _mm512_fmadd_ps(acc, x, x), _mm512_add_ps);
    mix_loop!(mix_avx2, "avx2,fma", __m256, 7, _mm256_set1_ps, |acc, x| _mm256_fmadd_ps(acc, x, x), _mm256_add_ps);
    tile!(tile_avx512, "avx512f", __m512, 14 x 2, _mm512_load_ps, _mm512_set1_ps, |acc, a, b| _mm512_fmadd_ps(a, b, acc));
    tile!(tile_avx2, "avx2,fma", __m256, 6 x 2, _mm256_load_ps, _mm256_set1_ps, |acc, a, b| _mm256_fmadd_ps(a, b, acc));
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::{FMA_STEPS, K, black_box};
    use std::arch::aarch64::*;

    fma_loop!(fma_neon, "neon", float32x4_t, 16, vdupq_n_f32, |acc, x| vfmaq_f32(acc, acc, x));
    fma_loop!(fma_chain_neon, "neon", float32x4_t, 1, vdupq_n_f32, |acc, x| vfmaq_f32(acc, acc, x));
    fma_loop!(add_chain_neon, "neon", float32x4_t, 1, vdupq_n_f32, |acc, x| vaddq_f32(acc, x));
    mix_loop!(mix_neon, "neon", float32x4_t, 12, vdupq_n_f32, |acc, x| vfmaq_f32(acc, acc, x), vaddq_f32);
    tile!(tile_neon, "neon", float32x4_t, 8 x 2, vld1q_f32, vdupq_n_f32, |acc, a, b| vfmaq_f32(acc, a, b));
}

/// The same loops on 4 lanes, for the portable level: a multiply-add is a multiplication and an addition there.
mod portable {
    use super::{FMA_STEPS, K, black_box};

    /// Applies `step` to so many independent vectors. Returns two operations for each lane and step.
    fn repeat<const VECTORS: usize>(x: f32, step: impl Fn(f32, f32) -> f32) -> usize {
        let mut acc = [[x; 4]; VECTORS];
        for _ in 0..FMA_STEPS {
            for lanes in &mut acc {
                *lanes = lanes.map(|lane| step(lane, x));
            }
        }
        black_box(acc);
        FMA_STEPS * VECTORS * 4 * 2
    }

    pub fn fma(x: f32) -> usize {
        repeat::<12>(x, |lane, x| lane * x + x)
    }

    pub fn fma_chain(x: f32) -> usize {
        repeat::<1>(x, |lane, x| lane * x + x)
    }

    pub fn add_chain(x: f32) -> usize {
        repeat::<1>(x, |lane, x| lane + x)
    }

    /// The kernels' costs count a multiply-add as one operation, though this level executes two.
    pub fn mix(x: f32) -> usize {
        repeat::<12>(x, |lane, x| lane * x + x) / 8
    }

    /// The same as `tile`, for 4 rows by 8 channels.
    pub fn tile(a: &[f32], b: &[f32]) -> usize {
        let mut acc = [[[0.0f32; 4]; 2]; 4];
        for (k, row) in b.chunks_exact(8).take(K).enumerate() {
            for (r, out) in acc.iter_mut().enumerate() {
                let value = a[r * K + k];
                for (i, lanes) in out.iter_mut().enumerate() {
                    for (lane, out) in lanes.iter_mut().enumerate() {
                        *out += value * row[4 * i + lane];
                    }
                }
            }
        }
        black_box(acc);
        K * 4 * 8 * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_level_can_be_probed() {
        for level in Level::ALL {
            let probe = Probe::new(level);
            assert_eq!(probe.is_some(), sartor_kernels::report::can_run(level, "probes"), "{level}");
            assert!(probe.is_none_or(|probe| probe.fma() > 0.0 && probe.tile() > 0.0), "{level}");
        }
    }
}
