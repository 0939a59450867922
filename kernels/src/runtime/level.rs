//! Instruction-set levels: a level is a bundle of CPU features, chosen once when a model is opened.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

/// Environment variable that caps the level, for example `SARTOR_MAX_LEVEL=avx2`.
pub const MAX_LEVEL_VARIABLE: &str = "SARTOR_MAX_LEVEL";

/// A bundle of CPU features. The order is the order of preference among those of one architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// Plain Rust on 4 lanes; runs anywhere.
    Portable = 0,
    /// aarch64 with NEON, 4 lanes.
    Neon = 1,
    /// x86-64 with AVX2 and FMA, 8 lanes.
    Avx2 = 2,
    /// x86-64 with AVX-512 F, VL, BW and DQ, 16 lanes.
    Avx512 = 3,
}

impl Level {
    /// All levels, best last.
    pub const ALL: [Level; 4] = [Level::Portable, Level::Neon, Level::Avx2, Level::Avx512];

    /// The name used on command lines, in file names and in kernel names.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Neon => "neon",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// Whether this CPU and operating system can run the level.
    pub fn is_available(self) -> bool {
        match self {
            Level::Portable => true,
            #[cfg(target_arch = "aarch64")]
            Level::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                Level::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
            }
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// The levels this machine can run and the environment allows, best last.
    ///
    /// # Errors
    /// If [`MAX_LEVEL_VARIABLE`] is set to something that is not a level.
    pub fn allowed() -> Result<Vec<Level>, UnknownLevel> {
        Level::up_to(std::env::var_os(MAX_LEVEL_VARIABLE).as_deref())
    }

    /// The highest level the environment allows, whether this machine can run it or not. Nothing is allocated unless the variable is set.
    ///
    /// # Errors
    /// If [`MAX_LEVEL_VARIABLE`] is set to something that is not a level.
    pub fn cap() -> Result<Level, UnknownLevel> {
        Level::cap_of(std::env::var_os(MAX_LEVEL_VARIABLE).as_deref())
    }

    /// What a value of [`MAX_LEVEL_VARIABLE`] allows; unset and empty are no cap.
    fn cap_of(value: Option<&OsStr>) -> Result<Level, UnknownLevel> {
        match value.unwrap_or_default().to_string_lossy().as_ref() {
            "" => Ok(Level::Avx512),
            name => name.parse().map_err(|_| UnknownLevel(format!("{MAX_LEVEL_VARIABLE}={name}"))),
        }
    }

    /// The levels this machine can run up to `cap`, a value of [`MAX_LEVEL_VARIABLE`].
    fn up_to(cap: Option<&OsStr>) -> Result<Vec<Level>, UnknownLevel> {
        let cap = Level::cap_of(cap)?;
        Ok(Level::ALL.into_iter().filter(|&level| level <= cap && level.is_available()).collect())
    }

    /// The best level this machine can run and the environment allows.
    ///
    /// # Errors
    /// If [`MAX_LEVEL_VARIABLE`] is set to something that is not a level.
    pub fn best() -> Result<Level, UnknownLevel> {
        Ok(Level::allowed()?.pop().unwrap_or(Level::Portable))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is not a level's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel(pub String);

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level '{}' is unknown: use one of avx512, avx2, neon, portable", self.0)
    }
}

impl std::error::Error for UnknownLevel {}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        Level::ALL.into_iter().find(|level| level.name() == name).ok_or_else(|| UnknownLevel(name.into()))
    }
}

#[cfg(test)]
#[path = "../tests/level.rs"]
mod tests;
