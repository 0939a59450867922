//! Compiled programs: one of a network as users compile it, and many of small networks in one library.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use libloading::Library;
use sartor::Model;
use sartor_codegen::compile::{self, Generated, Kind};
use sartor_codegen::plan::Plan;
use sartor_kernels::runtime::{self, Level};
use sartor_models::{Network, NodeId, Weights};
use tch::Tensor;

use crate::engine::Engine;
use crate::observe;

/// The compiled program of a level.
pub struct Program {
    /// The level.
    pub at: Level,
}

impl Engine for Program {
    fn name(&self) -> String {
        format!("program for {}", self.at)
    }

    fn level(&self) -> Option<&'static str> {
        Some(self.at.name())
    }

    fn values(&self, network: &Network, weights: &Weights, input: &[f32], _: usize) -> Result<BTreeMap<NodeId, Tensor>, String> {
        sartor::files::cache_folder::set(concat!(env!("CARGO_MANIFEST_DIR"), "/target/cache"));
        let model = Model::open(network, weights, self.at).map_err(|error| error.to_string())?;
        observe::values(model.program(), &model.planned().plan, network, input)
    }
}

/// Programs of many networks for one level, built as one crate: starting a compiler for each would take most of the time.
pub struct Programs {
    programs: Vec<(&'static runtime::Program, Plan)>,
}

impl Programs {
    /// Generates and builds the programs of networks. The crate stays in this workspace's `target`, where Cargo builds it again only if
    /// it has changed.
    ///
    /// # Errors
    /// If a network cannot be compiled: why.
    pub fn build(what: &str, level: Level, networks: &[(&Network, &Weights)]) -> Result<Self, String> {
        let name = format!("{}_{level}", what.replace([' ', '-'], "_"));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/programs").join(&name);
        let generate = |&(network, weights): &(&Network, &Weights)| compile::generate(network, weights, &[level], 1, Kind::Lib);
        let crates: Vec<Generated> =
            networks.iter().map(generate).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        write_together(&folder, &name, level, &crates).map_err(|error| format!("{}: {error}", folder.display()))?;
        let library = build(&folder, &name)?;
        // SAFETY: generated code runs nothing when it is loaded.
        let library = unsafe { Library::new(&library) }.map_err(|error| error.to_string())?;
        // Programs are `'static`: their library is never unloaded.
        let library: &'static Library = Box::leak(Box::new(library));
        // SAFETY: `library_of` defines it with this signature.
        let program = unsafe { library.get::<unsafe extern "C" fn(usize) -> *const runtime::Program>(b"program") };
        let program = program.map_err(|error| error.to_string())?;
        let programs = crates.into_iter().enumerate().map(|(index, generated)| {
            // SAFETY: there are as many programs as crates; each is a static built with the runtime that this process has.
            let program = unsafe { &*program(index) };
            assert_eq!((program.abi(), program.level()), (runtime::ABI, level), "{name}: program {index}");
            (program, generated.plans.into_iter().next().expect("one plan for one level"))
        });
        Ok(Self { programs: programs.collect() })
    }

    /// The values that the program of a network keeps, by the network's index in the list that was built.
    ///
    /// # Errors
    /// As [`observe::values`].
    pub fn values(&self, index: usize, network: &Network, input: &[f32]) -> Result<BTreeMap<NodeId, Tensor>, String> {
        let (program, plan) = &self.programs[index];
        observe::values(program, plan, network, input)
    }
}

/// Writes the crates' files as modules `n0`, `n1`.. of one crate with one runtime.
fn write_together(folder: &Path, name: &str, level: Level, crates: &[Generated]) -> std::io::Result<()> {
    let mut files: Vec<(PathBuf, Vec<u8>)> =
        vec![("Cargo.toml".into(), manifest(name).into()), ("src/lib.rs".into(), library_of(level, crates.len()).into())];
    for (index, generated) in crates.iter().enumerate() {
        for (path, bytes) in &generated.files {
            let own = path.ends_with("weights.bin") || path.ends_with("weights.rs") || path.ends_with(format!("{level}.rs"));
            if path.starts_with("src/runtime") && index == 0 {
                files.push((path.clone(), bytes.clone()));
            } else if own && !path.starts_with("src/runtime") {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("crate::weights", "super::weights").into_bytes();
                let bytes = if path.extension().is_some_and(|e| e == "rs") { text(bytes) } else { bytes.clone() };
                files.push((Path::new("src").join(format!("n{index}")).join(path), bytes));
            }
        }
    }
    for (path, bytes) in files {
        let path = folder.join(path);
        // What is as it was keeps its time, by which Cargo sees that nothing is to be done.
        if std::fs::read(&path).ok().as_ref() != Some(&bytes) {
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            std::fs::write(path, bytes)?;
        }
    }
    Ok(())
}

fn manifest(name: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n[profile.release]\nlto = \"off\"\n\n[workspace]\n"
    )
}

fn library_of(level: Level, count: usize) -> String {
    let mut text = String::from("#![allow(warnings)]\n\npub mod runtime;\n");
    for index in 0..count {
        let paths = [("weights", "src/weights.rs".into()), ("level", format!("src/{level}.rs"))];
        let modules = paths.map(|(module, path)| format!("#[path = \"{path}\"] pub mod {module};"));
        let _ = writeln!(text, "mod n{index} {{ {} }}", modules.join(" "));
    }
    let programs: Vec<String> = (0..count).map(|index| format!("&n{index}::level::PROGRAM")).collect();
    let _ = writeln!(text, "\nstatic PROGRAMS: [&runtime::Program; {count}] = [{}];", programs.join(", "));
    text + "\n#[unsafe(no_mangle)]\npub extern \"C\" fn program(index: usize) -> *const runtime::Program {\n    PROGRAMS[index]\n}\n"
}

/// Builds the crate in `folder` with the settings of generated crates, and finds its library.
fn build(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--offline", "--quiet", "--target-dir", "target"]).current_dir(folder);
    let output = sartor::without_settings(&mut cargo).output().map_err(|error| format!("{cargo:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    Ok(folder.join("target/release").join(file))
}
