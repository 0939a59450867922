//! What the compiler needs to know of each level: lanes, registers, and how each operation is spelt.

use sartor_kernels::runtime::Level;

/// One level's table.
#[derive(Debug)]
pub struct Isa {
    /// The level.
    pub level: Level,
    /// f32 in a vector register.
    pub lanes: usize,
    /// Architectural vector registers.
    pub registers: usize,
    /// Whether `a * b + c` is rounded only once.
    pub fuses: bool,
    /// The Rust type of a vector.
    pub vector: &'static str,
    /// The `target_arch` that the code is for, if any.
    pub arch: Option<&'static str>,
    /// The features that every function is compiled with.
    pub features: Option<&'static str>,
    /// Functions that take pointers or vectors; see [`Spelling`].
    pub spelling: Spelling,
}

/// Names of the functions that generated code calls.
#[derive(Debug)]
pub struct Spelling {
    /// `(*const f32) -> vector`
    pub load: &'static str,
    /// `(f32) -> vector`
    pub splat: &'static str,
    /// `(*mut f32, vector)`
    pub store: &'static str,
    /// `(a, b) -> vector`
    pub add: &'static str,
    /// `(a, b) -> vector`
    pub sub: &'static str,
    /// `(a, b) -> vector`
    pub mul: &'static str,
    /// `(a, b) -> vector`
    pub div: &'static str,
    /// `(a) -> vector`
    pub sqrt: &'static str,
    /// `(a, b) -> vector`, [`Binary::Min`](crate::ir::kernel::Binary::Min)
    pub min: &'static str,
    /// `(a, b) -> vector`, [`Binary::Max`](crate::ir::kernel::Binary::Max)
    pub max: &'static str,
    /// `(a, b, c) -> vector` or, where `acc_first`, `(c, a, b) -> vector`
    pub fma: &'static str,
    /// Whether the addend of `fma` comes first.
    pub acc_first: bool,
}

const AVX512: Isa = Isa {
    level: Level::Avx512,
    lanes: 16,
    registers: 32,
    fuses: true,
    vector: "__m512",
    arch: Some("x86_64"),
    features: Some("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"),
    spelling: Spelling {
        load: "_mm512_loadu_ps",
        splat: "_mm512_set1_ps",
        store: "_mm512_storeu_ps",
        add: "_mm512_add_ps",
        sub: "_mm512_sub_ps",
        mul: "_mm512_mul_ps",
        div: "_mm512_div_ps",
        sqrt: "_mm512_sqrt_ps",
        min: "_mm512_min_ps",
        max: "_mm512_max_ps",
        fma: "_mm512_fmadd_ps",
        acc_first: false,
    },
};

const AVX2: Isa = Isa {
    level: Level::Avx2,
    lanes: 8,
    registers: 16,
    fuses: true,
    vector: "__m256",
    arch: Some("x86_64"),
    features: Some("avx2,fma"),
    spelling: Spelling {
        load: "_mm256_loadu_ps",
        splat: "_mm256_set1_ps",
        store: "_mm256_storeu_ps",
        add: "_mm256_add_ps",
        sub: "_mm256_sub_ps",
        mul: "_mm256_mul_ps",
        div: "_mm256_div_ps",
        sqrt: "_mm256_sqrt_ps",
        min: "_mm256_min_ps",
        max: "_mm256_max_ps",
        fma: "_mm256_fmadd_ps",
        acc_first: false,
    },
};

const NEON: Isa = Isa {
    level: Level::Neon,
    lanes: 4,
    registers: 32,
    fuses: true,
    vector: "float32x4_t",
    arch: Some("aarch64"),
    features: Some("neon"),
    spelling: Spelling {
        load: "vld1q_f32",
        splat: "vdupq_n_f32",
        store: "vst1q_f32",
        add: "vaddq_f32",
        sub: "vsubq_f32",
        mul: "vmulq_f32",
        div: "vdivq_f32",
        sqrt: "vsqrtq_f32",
        min: "min",
        max: "max",
        fma: "vfmaq_f32",
        acc_first: true,
    },
};

const PORTABLE: Isa = Isa {
    level: Level::Portable,
    lanes: 4,
    registers: 16,
    fuses: false,
    vector: "F32x4",
    arch: None,
    features: None,
    spelling: Spelling {
        load: "load",
        splat: "splat",
        store: "store",
        add: "add",
        sub: "sub",
        mul: "mul",
        div: "div",
        sqrt: "sqrt",
        min: "min",
        max: "max",
        fma: "mul_add",
        acc_first: false,
    },
};

/// The levels that a program for this architecture can use, best first: the architecture's own, and the portable one.
pub fn levels_for(arch: &str) -> Vec<Level> {
    let all = Level::ALL.into_iter().rev();
    all.filter(|&level| of(level).arch.is_none_or(|own| own == arch)).collect()
}

/// The table of a level.
pub fn of(level: Level) -> &'static Isa {
    match level {
        Level::Avx512 => &AVX512,
        Level::Avx2 => &AVX2,
        Level::Neon => &NEON,
        Level::Portable => &PORTABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_has_its_own_levels_and_the_portable_one() {
        assert_eq!(levels_for("x86_64"), [Level::Avx512, Level::Avx2, Level::Portable]);
        assert_eq!(levels_for("aarch64"), [Level::Neon, Level::Portable]);
        assert_eq!(levels_for("riscv64"), [Level::Portable]);
        assert!(levels_for(std::env::consts::ARCH).into_iter().any(Level::is_available));
    }
}
