//! Networks made into programs: written out as a crate, or compiled and loaded into this process.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sartor_codegen::isa;
use sartor_models::escape;

use crate::compile::generate::{GenerateError, Generated, Kind, Package, Plan, generate};
use sartor_kernels::runtime::session::check_threads;
use sartor_kernels::runtime::{ABI, Level, Program, Session, SessionError};
use sartor_models::{Network, Weights};

use crate::compile::cache::{self, CacheError};
use crate::compile::rustc::{self, BuildError, Built};
use crate::files::manifest::{self, MANIFEST, NotOurs};
use crate::files::output;
use crate::tuning::Tunings;

/// What to compile.
#[derive(Clone, Debug)]
pub struct CompileOptions {
    /// Levels the program holds; it chooses among them when it starts.
    pub levels: Vec<Level>,
    /// Images that the crate's program takes; its sessions take any number.
    pub batch: usize,
    /// Threads that are to find work in every stage of an image, 1 to [`MAX_THREADS`](sartor_kernels::runtime::session::MAX_THREADS); its sessions take any number.
    pub threads: usize,
    /// What to build.
    pub kind: Kind,
    /// What measuring chose; where it chose nothing, the cost model does.
    pub tunings: Tunings,
    /// The crate's name, held to Cargo's rules; [`None`] makes one of the network's.
    pub name: Option<String>,
    /// The crate's version; [`None`] for 0.1.0 and, behind a `+`, a digest of the crate, so that one program can hold several of one name.
    pub version: Option<String>,
    /// The crate's description; [`None`] for the network's name.
    pub description: Option<String>,
    /// Whether a library is a workspace of its own, as programs always are. Otherwise it can be a member of the user's.
    pub standalone: bool,
}

/// What `sartor compile` does without options: a program for one image, cut for two threads, at the levels of this machine's architecture
/// and the portable one. Only the tunings are others: the shipped ones, where the command takes those that are
/// [installed](Tunings::installed).
impl Default for CompileOptions {
    fn default() -> Self {
        Self {
            levels: isa::levels_for(std::env::consts::ARCH),
            batch: 1,
            threads: 2,
            kind: Kind::Bin,
            tunings: Tunings::default(),
            name: None,
            version: None,
            description: None,
            standalone: false,
        }
    }
}

impl CompileOptions {
    fn package(&self) -> Package {
        let Self { kind, standalone, .. } = *self;
        Package {
            kind,
            name: self.name.clone(),
            version: self.version.clone(),
            description: self.description.clone(),
            standalone,
        }
    }
}

/// A crate that was written and built.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The crate.
    pub dir: PathBuf,
    /// What rustc built, inside `dir`.
    pub artifact: PathBuf,
    /// Size of the artifact.
    pub artifact_bytes: u64,
    /// How each level computes the network.
    pub plans: Vec<Plan>,
}

/// A network that could not be compiled or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// No program can be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The generated crate was not built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A file cannot be written or read.
    #[error("{}: {source}", escape::path(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The output folder holds something else.
    #[error("{} exists and was not made by sartor: choose another folder or remove it", escape::path(.0))]
    Occupied(PathBuf),
    /// The output folder holds a file besides what was written there.
    #[error(
        "{} is not as sartor wrote it: choose another folder than {} or move the file away",
        escape::path(file),
        escape::path(dir)
    )]
    Changed {
        /// The folder.
        dir: PathBuf,
        /// The file that was added or changed.
        file: PathBuf,
    },
    /// The CPU lacks the level.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The compiled library cannot be loaded.
    #[error("{}: {what}", escape::path(path))]
    Load {
        /// The library.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// Writes the crate of a network to `dir` and builds it. The folder appears when all is done; one made by an earlier call is
/// replaced, unless something was added to it or changed in it.
///
/// # Errors
/// If the network cannot be compiled, `dir` holds something else or cannot be written, or rustc fails.
pub fn compile(network: &Network, weights: &Weights, options: &CompileOptions, dir: &Path) -> Result<Compiled, CompileError> {
    let io = |source| CompileError::Io { path: dir.into(), source };
    let place = output::linked(dir);
    manifest::check(&place).map_err(|why| not_ours(dir, &place, why))?;
    check_threads(options.threads)?;
    let staging = output::staging_dir(&place).map_err(io)?;
    let generated =
        generate(network, weights, &options.levels, options.batch, options.threads, &options.package(), &options.tunings)?;
    let built = rustc::build(&generated, options.kind)?;
    let new = staging.path().join("crate");
    generated.files.iter().try_for_each(|(path, bytes)| output::write_staged(&new.join(path), bytes)).map_err(io)?;
    // Where Cargo itself would put it.
    let artifact = Path::new("target/release").join(built.artifact.file_name().unwrap_or(built.artifact.as_os_str()));
    std::fs::create_dir_all(new.join("target/release")).map_err(io)?;
    let bytes = std::fs::read(&built.artifact).map_err(io)?;
    std::fs::copy(&built.artifact, new.join(&artifact)).map_err(io)?;
    let files = generated.files.iter().map(|(path, bytes)| (&**path, &**bytes)).chain([(&*artifact, &*bytes)]);
    output::write_staged(&new.join(MANIFEST), manifest(network, options, files).as_bytes()).map_err(io)?;
    drop(built);
    output::replace_dir(&new, &place, manifest::check).map_err(|why| not_ours(dir, &new, why))?;
    let artifact_bytes = bytes.len() as u64;
    Ok(Compiled { dir: dir.into(), artifact: dir.join(artifact), artifact_bytes, plans: generated.plans })
}

/// The error for an output folder `dir` that was found at `place`.
fn not_ours(dir: &Path, place: &Path, why: NotOurs) -> CompileError {
    match why {
        NotOurs::Io(source) => CompileError::Io { path: dir.into(), source },
        NotOurs::Foreign => CompileError::Occupied(dir.into()),
        NotOurs::Changed(file) => {
            let file = dir.join(file.strip_prefix(place).unwrap_or(&file));
            CompileError::Changed { dir: dir.into(), file }
        }
    }
}

/// How a level computes a network, whether this CPU has it or not.
///
/// # Errors
/// If the network cannot be compiled.
pub fn plan(network: &Network, weights: &Weights, level: Level, tunings: &Tunings) -> Result<Plan, CompileError> {
    let mut generated = generate(network, weights, &[level], 1, 1, &Kind::Lib.into(), tunings)?;
    Ok(generated.plans.pop().expect("one plan for one level"))
}

fn manifest<'a>(network: &Network, options: &CompileOptions, files: impl Iterator<Item = (&'a Path, &'a [u8])>) -> String {
    let levels: Vec<_> = options.levels.iter().map(|level| level.name()).collect();
    let files: manifest::Files = files.map(|(path, bytes)| (manifest::name(path), manifest::digest(bytes))).collect();
    let manifest = serde_json::json!({
        "sartor": env!("CARGO_PKG_VERSION"), "network": network.name, "levels": levels, "batch": options.batch,
        "threads": options.threads, "kind": format!("{:?}", options.kind).to_lowercase(), "files": files,
    });
    format!("{manifest:#}\n")
}

/// A network compiled for one level and loaded into this process, where it stays.
#[derive(Debug)]
pub struct Model {
    program: &'static Program,
    plan: Plan,
    built: Option<Duration>,
}

impl Model {
    /// Plans, generates, builds and loads a network, with the tunings that are [installed](Tunings::installed). What was built
    /// before is taken from the [cache].
    ///
    /// # Errors
    /// If this CPU lacks the level, or the network cannot be compiled or loaded.
    pub fn open(network: &Network, weights: &Weights, level: Level) -> Result<Self, CompileError> {
        Self::open_tuned(network, weights, level, 1, &Tunings::installed().0)
    }

    /// The same with other tunings, for sessions of so many threads: every stage of an image has work for each.
    ///
    /// # Errors
    /// If this CPU lacks the level, no session can have so many threads, or the network cannot be compiled or loaded.
    pub fn open_tuned(
        network: &Network,
        weights: &Weights,
        level: Level,
        threads: usize,
        tunings: &Tunings,
    ) -> Result<Self, CompileError> {
        if !level.is_available() {
            return Err(SessionError::LevelUnavailable(level).into());
        }
        check_threads(threads)?;
        let mut generated = generate(network, weights, &[level], 1, threads, &Kind::Dylib.into(), tunings)?;
        let library = match cache::Entry::open(&generated) {
            Ok(entry) => library(&generated, &entry)?,
            Err(error) if error.is_of_named() => return Err(error.into()),
            Err(error) => {
                log::warn!("{error}; the program is compiled for this once");
                Library::build(&generated)?
            }
        };
        let Library { path, built, .. } = &library;
        let program = load(path, level)?;
        let wrong = |what| Err(CompileError::Load { path: path.clone(), what });
        if program.input_len() != network.input_shape().len() {
            return wrong(format!("takes {} values an image, not those of {}", program.input_len(), network.name));
        }
        match generated.plans.pop() {
            Some(plan) if plan.stages.len() == program.stages().len() => Ok(Self { program, plan, built: *built }),
            plan => wrong(format!("has {} stages, planned were {}", program.stages().len(), plan.map_or(0, |p| p.stages.len()))),
        }
    }

    /// Memory and threads to run it; several sessions can run side by side.
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

    /// How it computes the network; its stages are the program's.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How long building took; `None` if it came from the cache.
    pub fn built(&self) -> Option<Duration> {
        self.built
    }
}

/// The shared library of a generated crate.
struct Library {
    path: PathBuf,
    /// How long building took; `None` if it came from the cache.
    built: Option<Duration>,
    /// Where it is, if that is no place to stay.
    _folder: Option<Built>,
}

impl Library {
    fn cached(path: PathBuf) -> Self {
        Self { path, built: None, _folder: None }
    }

    /// One that lasts as long as this.
    fn build(generated: &Generated) -> Result<Self, BuildError> {
        let start = Instant::now();
        let built = rustc::build(generated, Kind::Dylib)?;
        Ok(Self { path: built.artifact.clone(), built: Some(start.elapsed()), _folder: Some(built) })
    }
}

/// The library of a crate, from its entry in the cache or built now.
fn library(generated: &Generated, entry: &cache::Entry) -> Result<Library, CompileError> {
    let rustc = rustc::rustc_version();
    if let Some(library) = entry.library(rustc.as_ref().ok().copied()) {
        return Ok(Library::cached(library));
    }
    // Nothing can be built without.
    let rustc = rustc?;
    let _lock = entry.lock()?;
    // Built by another process while this one waited.
    if let Some(library) = entry.library(Some(rustc)) {
        return Ok(Library::cached(library));
    }
    let library = Library::build(generated)?;
    let stored = entry.store(&library.path, rustc)?;
    Ok(Library { path: stored, _folder: None, ..library })
}

/// Loads a library for good and asks it for its program.
pub(crate) fn load(path: &Path, level: Level) -> Result<&'static Program, CompileError> {
    let error = |what: String| CompileError::Load { path: path.into(), what };
    // SAFETY: the library was built by us from generated code, which runs nothing when loaded.
    let library = unsafe { libloading::Library::new(path) };
    let library = library.map_err(|e| error(reasons(&e) + &no_programs_there(path).unwrap_or_default()))?;
    // A program is `'static`: its library is never unloaded.
    let library: &'static libloading::Library = Box::leak(Box::new(library));
    // SAFETY: generated crates define the function with this signature.
    let program = unsafe { library.get::<unsafe extern "C" fn(u32) -> *const Program>(b"sartor_program") };
    let program = program.map_err(|e| error(reasons(&e)))?;
    // SAFETY: it takes any number and returns null or the address of a static.
    let program = unsafe { program(level as u32) };
    // SAFETY: every version of the contract begins with its number, which is all that is read before it is known to be ours.
    match unsafe { program.cast::<u32>().as_ref() } {
        None => return Err(error(format!("has no program for level {level}"))),
        Some(&abi) if abi != ABI => return Err(SessionError::WrongAbi(abi).into()),
        Some(_) => {}
    }
    // SAFETY: not null, `'static`, and of this version of the contract.
    let program = unsafe { &*program };
    if program.level() == level { Ok(program) } else { Err(error(format!("is for level {}, not {level}", program.level()))) }
}

/// An error with what caused it.
fn reasons(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What to add where the file system forbids to run what is on it.
fn no_programs_there(path: &Path) -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let flags = rustix::fs::statvfs(path).ok()?.f_flag;
        let text = || {
            format!("; programs must not run from there (it is mounted noexec): {} names another folder", cache::CACHE_VARIABLE)
        };
        flags.contains(rustix::fs::StatVfsMountFlags::NOEXEC).then(text)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        None
    }
}

#[cfg(test)]
mod tests {
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
        let entry = cache::Entry::of(&generated, dir.path(), true).unwrap();
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
        let entry = cache::Entry::of(&generated, dir.path(), true).unwrap();
        let error = library(&generated, &entry).map(|library| library.path).unwrap_err().to_string();
        assert!(error.contains("unclosed delimiter"), "{error}");
        let entries: Vec<_> = std::fs::read_dir(dir.path().join("programs")).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(std::fs::read_dir(&entries[0]).unwrap().count(), 1, "nothing but the lock is left behind");
    }
}
