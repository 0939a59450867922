//! What programs are compiled with: the tuning that was shipped, and the user's over it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sartor_codegen::tuning::Tuning;
use sartor_kernels::runtime::Level;

use super::{File, FileError};
use crate::compile::cache::{self, CacheError};
use crate::tuning::cpu_caches::Sizes;

/// The name of the usual file in the [cache]'s folder.
const USUAL: &str = "tuning.json";

/// The file that `sartor tune` fills and programs are compiled with unless another is named: in the [cache]'s folder.
///
/// # Errors
/// If the cache cannot be used.
pub fn default_path() -> Result<PathBuf, CacheError> {
    Ok(cache::folder()?.join(USUAL))
}

/// What was tuned before sartor was shipped.
const SHIPPED: &str = include_str!("../../codegen/tuning/default.json");

/// What programs are compiled with.
#[derive(Clone, Debug)]
pub struct Tunings {
    /// Later ones win.
    files: Vec<File>,
    caches: Sizes,
}

/// The [shipped](Tunings::shipped) ones, which no file of the user's changes.
impl Default for Tunings {
    fn default() -> Self {
        Self::shipped()
    }
}

impl Tunings {
    /// None: the cost model decides.
    pub fn none() -> Self {
        Self { files: Vec::new(), caches: Sizes::here() }
    }

    /// The shipped default.
    pub fn shipped() -> Self {
        Self { files: File::parse(SHIPPED).into_iter().collect(), ..Self::none() }
    }

    /// The shipped default, and over it the file at [`default_path`]. If that cannot be used, it is left out and returned as an
    /// error for people to read.
    pub fn installed() -> (Self, Option<FileError>) {
        match cache::existing() {
            Ok(Some(folder)) => Self::over_shipped(&folder.join(USUAL)),
            Ok(None) | Err(CacheError::Nowhere) => (Self::shipped(), None),
            Err(CacheError::Unusable { folder, source, .. }) => {
                (Self::shipped(), Some(FileError { path: folder.join(USUAL), what: format!("is not looked for: {source}") }))
            }
        }
    }

    fn over_shipped(path: &Path) -> (Self, Option<FileError>) {
        let mut tunings = Self::shipped();
        match File::load_own(path) {
            Ok(file) => {
                tunings.files.push(file);
                (tunings, None)
            }
            Err(error) => (tunings, Some(error)),
        }
    }

    /// One file alone.
    ///
    /// # Errors
    /// If it does not exist or cannot be used.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        if !path.exists() {
            return Err(FileError { path: path.into(), what: "does not exist".into() });
        }
        Ok(Self { files: vec![File::load(path)?], ..Self::none() })
    }

    /// The choices for a level on this machine.
    pub fn of(&self, level: Level) -> Arc<Tuning> {
        let mut all = Tuning::default();
        // What was measured on the machine most like this one is over what was measured on others, and the user's file over the shipped.
        for machine in self.files.iter().flat_map(|file| file.alike(level, self.caches)) {
            for (problem, entry) in &machine.problems {
                // Files were judged when they were read.
                let _ = all.insert(level, problem, entry.stages.clone());
            }
        }
        Arc::new(all)
    }
}

#[cfg(test)]
mod tests {
    use sartor_codegen::tuning::{Choice, PanelsChoice};

    use super::*;
    use crate::tuning::Entry;

    #[test]
    fn the_shipped_default_is_sound() {
        let file = File::parse(SHIPPED).unwrap();
        assert_eq!(file.text(), SHIPPED, "it is as `sartor tune` writes it");
    }

    #[test]
    fn the_users_file_is_over_the_shipped_one_and_left_out_if_it_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tuning.json");
        let shipped = Tunings::shipped().of(Level::Avx2);
        let mut file = File::default();
        let choice = Choice::Panels(PanelsChoice { ahead: Some(0), ..PanelsChoice::default() });
        let entry = Entry { stages: vec![choice.clone()], model_us: 2.0, best_us: 1.0 };
        file.machine_mut(Level::Avx2, Sizes::here()).problems.insert("a".into(), entry);
        file.save(&path).unwrap();
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
