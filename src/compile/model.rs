//! A network that is compiled and loaded into this process.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use sartor_codegen::compile::{Kind, symbol};
use sartor_kernels::runtime::session::check_threads;
use sartor_kernels::runtime::{Level, Program, Session, SessionError};
use sartor_models::{Network, Weights};

use super::cache;
use super::error::CompileError;
use super::generate::{Generated, generate, together};
use super::load::{load, load_by};
use super::planned::Planned;
use super::rustc::{self, BuildError, Built};
use super::target::Target;
use crate::tuning::Tunings;

/// A network, compiled for one level and loaded into this process. It stays loaded until the process ends.
#[derive(Debug)]
pub struct Model {
    program: &'static Program,
    planned: Planned,
    built: Option<Duration>,
}

impl Model {
    /// Plans, generates, builds and loads a network with the tunings that are [installed](Tunings::installed). A program that was
    /// built before comes from the [cache](crate::files::cache_folder).
    ///
    /// # Errors
    /// If this CPU lacks the level, or the network cannot be compiled or loaded.
    pub fn open(network: &Network, weights: &Weights, level: Level) -> Result<Self, CompileError> {
        Self::open_tuned(network, weights, level, 1, &Tunings::installed().0)
    }

    /// The same with other tunings, and with every stage split for `threads` threads.
    ///
    /// # Errors
    /// If this CPU lacks the level, `threads` is more than a session can have, or the network cannot be compiled or loaded.
    pub fn open_tuned(
        network: &Network,
        weights: &Weights,
        level: Level,
        threads: usize,
        tunings: &Tunings,
    ) -> Result<Self, CompileError> {
        check_level(level)?;
        check_threads(threads)?;
        let mut generated = generate(network, weights, &[level], 1, threads, &Kind::Dylib.into(), tunings)?;
        let library = Library::of(&generated)?;
        let program = load(&library.path, level)?;
        Self::checked(&library, program, network, generated.plans.pop().expect("one plan for one level"))
    }

    /// Opens several networks as [`open_tuned`](Self::open_tuned) does, for one thread, and builds one library of all: for small networks,
    /// starting a compiler for each takes most of the time. Kernels that several networks call are compiled once.
    ///
    /// # Errors
    /// As [`open_tuned`](Self::open_tuned), of any of them.
    pub fn open_together(networks: &[(&Network, &Weights)], level: Level, tunings: &Tunings) -> Result<Vec<Self>, CompileError> {
        check_level(level)?;
        let generated = together(networks, level, tunings)?;
        let library = Library::of(&generated)?;
        let models = generated.plans.into_iter().zip(networks).enumerate().map(|(index, (planned, (network, _)))| {
            let program = load_by(&library.path, &symbol(index), level)?;
            Self::checked(&library, program, network, planned)
        });
        models.collect()
    }

    /// The model of a program that was loaded from `library`.
    fn checked(library: &Library, program: &'static Program, network: &Network, planned: Planned) -> Result<Self, CompileError> {
        let Library { path, built, .. } = library;
        let wrong = |what| CompileError::Load { path: path.clone(), what };
        if program.input_len() != network.input_shape().len() {
            return Err(wrong(format!(
                "its program takes {} values an image, {} takes {}",
                program.input_len(),
                network.name,
                network.input_shape().len()
            )));
        }
        if planned.stages.len() != program.stages().len() {
            return Err(wrong(format!("has {} stages, planned were {}", program.stages().len(), planned.stages.len())));
        }
        Ok(Self { program, planned, built: *built })
    }

    /// The memory and threads to run it. Several sessions can run at the same time.
    ///
    /// # Errors
    /// If there cannot be that many threads.
    pub fn session(&self, threads: usize) -> Result<Session, SessionError> {
        Session::new(self.program, threads)
    }

    /// The program.
    pub fn program(&self) -> &'static Program {
        self.program
    }

    /// How it computes the network. The stages are the program's.
    pub fn planned(&self) -> &Planned {
        &self.planned
    }

    /// How long rustc took; `None` if the program came from the cache.
    pub fn built(&self) -> Option<Duration> {
        self.built
    }
}

fn check_level(level: Level) -> Result<(), SessionError> {
    if level.is_available() { Ok(()) } else { Err(SessionError::LevelUnavailable(level)) }
}

/// The shared library of a generated crate.
struct Library {
    path: PathBuf,
    /// How long rustc took; `None` if the program came from the cache.
    built: Option<Duration>,
    /// The folder that it was built in, if it is not in the cache.
    _folder: Option<Built>,
}

impl Library {
    /// The library of a crate, from the cache if that can be used.
    fn of(generated: &Generated) -> Result<Self, CompileError> {
        match cache::CacheEntry::open(generated) {
            Ok(entry) => library(generated, &entry),
            Err(error) if error.is_of_named() => Err(error.into()),
            Err(error) => {
                log::warn!("{error}; the program is compiled, but not kept");
                Ok(Self::build(generated)?)
            }
        }
    }

    fn cached(path: PathBuf) -> Self {
        Self { path, built: None, _folder: None }
    }

    /// Builds the library. It is removed with this value.
    fn build(generated: &Generated) -> Result<Self, BuildError> {
        let start = Instant::now();
        let built = rustc::build(generated, Kind::Dylib, &Target::default())?;
        Ok(Self { path: built.artifact.clone(), built: Some(start.elapsed()), _folder: Some(built) })
    }
}

/// The library of a crate: from its entry in the cache, or built now.
fn library(generated: &Generated, entry: &cache::CacheEntry) -> Result<Library, CompileError> {
    let rustc = rustc::rustc_version();
    if let Some(library) = entry.library(rustc.as_ref().ok().copied()) {
        return Ok(Library::cached(library));
    }
    // Without rustc nothing can be built.
    let rustc = rustc?;
    let _lock = entry.lock()?;
    // Another process may have built it while this one waited.
    if let Some(library) = entry.library(Some(rustc)) {
        return Ok(Library::cached(library));
    }
    let library = Library::build(generated)?;
    let stored = entry.store(&library.path, rustc)?;
    Ok(Library { path: stored, _folder: None, ..library })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A crate as the generator writes it, whose one stage doubles its four inputs.
    fn doubling() -> Generated {
        let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/src/runtime");
        let vendored = std::fs::read_dir(runtime).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            (Path::new("src/runtime").join(path.file_name().unwrap()), std::fs::read(path).unwrap())
        });
        let manifest = "[package]\nname = \"doubling\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n";
        let source = r#"
            pub mod runtime;
            use runtime::{Context, Lengths, Level, Program, Stage, Units};

            extern "C" fn double(cx: &Context, units: &mut Units<'_>) {
                for i in units {
                    unsafe { *cx.output().add(i) = 2.0 * *cx.input().add(i) };
                }
            }

            static STAGES: [Stage; 1] = [Stage::new("double", 4, double)];
            static PROGRAM: Program = {
                let lengths = Lengths { input: 4, output: 4, arena: 0, scratch: 0 };
                unsafe { Program::new(Level::Portable, 1, lengths, &[], &STAGES) }
            };

            #[unsafe(no_mangle)]
            pub extern "C" fn sartor_program(level: u32) -> *const Program {
                if level == 0 { &PROGRAM } else { std::ptr::null() }
            }
        "#;
        let own = [("Cargo.toml".into(), manifest.into()), ("src/lib.rs".into(), source.into())];
        Generated { files: own.into_iter().chain(vendored).collect(), plans: Vec::new() }
    }

    #[test]
    fn a_crate_is_built_once_loaded_and_rebuilt_when_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let generated = doubling();
        let entry = cache::CacheEntry::of(&generated, dir.path(), true).unwrap();
        let Library { path, built, .. } = library(&generated, &entry).unwrap();
        assert!(built.is_some());
        let program = load(&path, Level::Portable).unwrap();
        let mut output = [0.0; 4];
        Session::new(program, 2).unwrap().run(&[1.0, 2.0, 3.0, 4.0], &mut output).unwrap();
        assert_eq!(output, [2.0, 4.0, 6.0, 8.0]);

        let missing = load(&path, Level::Avx2).unwrap_err().to_string();
        assert!(missing.contains("no program for level avx2"), "{missing}");
        assert!(library(&generated, &entry).unwrap().built.is_none(), "the second time it comes from the cache");

        // A new file: the loaded one must not change under this process.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"damaged").unwrap();
        let rebuilt = library(&generated, &entry).unwrap();
        assert!(rebuilt.built.is_some());
        load(&rebuilt.path, Level::Portable).unwrap();
    }

    #[test]
    fn what_rustc_says_is_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let mut generated = doubling();
        generated.files[1].1 = b"fn broken(".to_vec();
        let entry = cache::CacheEntry::of(&generated, dir.path(), true).unwrap();
        let error = library(&generated, &entry).map(|library| library.path).unwrap_err().to_string();
        assert!(error.contains("unclosed delimiter"), "{error}");
        let entries: Vec<_> = std::fs::read_dir(dir.path().join("programs")).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(std::fs::read_dir(&entries[0]).unwrap().count(), 1, "nothing but the lock is left behind");
    }
}
