//! The tunings that programs are compiled with: the user's file, and the one shipped with sartor for what that does not have.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sartor_codegen::schedule::Options;
use sartor_codegen::schedule::tuning::Tuning;
use sartor_codegen::tunings::cpu_caches::Sizes;
use sartor_codegen::tunings::{TuningFile, choices};
use sartor_kernels::runtime::Level;

use super::file::{TuningFileError, load, load_own};
use crate::files::cache_folder::{self, CacheError};

/// The name of the user's file in the [cache's folder](cache_folder).
const USUAL: &str = "tuning.json";

/// The user's file, in the [cache's folder](cache_folder). `sartor tune` writes it, and programs are compiled with it, unless another file is
/// named.
///
/// # Errors
/// If the cache cannot be used.
pub fn default_path() -> Result<PathBuf, CacheError> {
    Ok(cache_folder::open()?.join(USUAL))
}

/// The tunings that programs are compiled with.
#[derive(Clone, Debug)]
pub struct Tunings {
    /// Where several files have a problem, the last one decides.
    files: Vec<TuningFile>,
    caches: Sizes,
    /// Whether 3x3 convolutions are computed by Winograd's tiles where that is worth it.
    winograd: bool,
}

/// The [shipped](Tunings::shipped) tunings. No file of the user's is read.
impl Default for Tunings {
    fn default() -> Self {
        Self::shipped()
    }
}

impl Tunings {
    /// No tunings: the cost model decides everything.
    pub fn none() -> Self {
        Self { files: Vec::new(), caches: Sizes::here(), winograd: true }
    }

    /// The tunings that are shipped with sartor.
    pub fn shipped() -> Self {
        Self { files: vec![TuningFile::shipped()], ..Self::none() }
    }

    /// The shipped tunings and the file at [`default_path`], which takes precedence. A file that cannot be used is left out; the
    /// error says why, for the user to read.
    pub fn installed() -> (Self, Option<TuningFileError>) {
        match cache_folder::existing() {
            Ok(Some(folder)) => Self::over_shipped(&folder.join(USUAL)),
            Ok(None) | Err(CacheError::Nowhere) => (Self::shipped(), None),
            Err(CacheError::Unusable { folder, source, .. }) => {
                (Self::shipped(), Some(TuningFileError { path: folder.join(USUAL), what: format!("it is not read: {source}") }))
            }
        }
    }

    fn over_shipped(path: &Path) -> (Self, Option<TuningFileError>) {
        let mut tunings = Self::shipped();
        match load_own(path) {
            Ok(file) => {
                tunings.files.push(file);
                (tunings, None)
            }
            Err(error) => (tunings, Some(error)),
        }
    }

    /// The tunings of one file alone.
    ///
    /// # Errors
    /// If the file does not exist or cannot be used.
    pub fn load(path: &Path) -> Result<Self, TuningFileError> {
        if !path.exists() {
            return Err(TuningFileError { path: path.into(), what: "it does not exist".into() });
        }
        Ok(Self { files: vec![load(path)?], ..Self::none() })
    }

    /// The same tunings, and whether 3x3 convolutions are computed by Winograd's tiles where that is worth it. Such convolutions add up
    /// other terms in another order than direct ones.
    #[must_use]
    pub fn with_winograd(self, winograd: bool) -> Self {
        Self { winograd, ..self }
    }

    /// The options with which a level is planned.
    pub fn options(&self, level: Level) -> Options {
        Options { tuning: self.of(level), winograd: self.winograd, ..Options::new(level) }
    }

    /// The choices for a level on this machine.
    pub fn of(&self, level: Level) -> Arc<Tuning> {
        // Results of similar machines take precedence over those of others, and the user's file over the shipped one.
        Arc::new(choices(&self.files, level, self.caches))
    }
}

#[cfg(test)]
mod tests {
    use sartor_codegen::schedule::tuning::{Choice, PanelsChoice};

    use super::*;
    use crate::tuning::{TunedProblem, save};

    #[test]
    fn the_users_file_is_over_the_shipped_one_and_left_out_if_it_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tuning.json");
        let shipped = Tunings::shipped().of(Level::Avx2);
        let mut file = TuningFile::default();
        let choice = Choice::Panels(PanelsChoice { ahead: Some(0), ..PanelsChoice::default() });
        let entry = TunedProblem { stages: vec![choice.clone()], model_us: 2.0, best_us: 1.0 };
        file.machine_mut(Level::Avx2, Sizes::here()).problems.insert("a".into(), entry);
        save(&file, &path).unwrap();
        let (tunings, error) = Tunings::over_shipped(&path);
        assert!(error.is_none());
        assert_eq!(tunings.of(Level::Avx2).len(), shipped.len() + 1);
        assert_eq!(tunings.of(Level::Avx2).get("a"), Some(&[choice][..]));
        assert_eq!(tunings.of(Level::Neon), Tunings::shipped().of(Level::Neon));

        std::fs::write(&path, "{}").unwrap();
        let (tunings, error) = Tunings::over_shipped(&path);
        assert!(error.unwrap().to_string().contains("tuning.json"));
        assert_eq!(tunings.of(Level::Avx2), shipped);
        assert!(Tunings::none().of(Level::Avx2).is_empty());
        assert!(Tunings::load(&dir.path().join("missing.json")).unwrap_err().to_string().contains("does not exist"));
    }
}
