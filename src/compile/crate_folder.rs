//! Writes a network as a crate to a folder that the user names, and builds it.

use std::path::{Path, PathBuf};

use sartor_codegen::compile::Input;
use sartor_kernels::runtime::session::check_threads;
use sartor_models::input::InputForm;
use sartor_models::{Network, Shape, Weights};

use super::error::CompileError;
use super::generate::generate;
use super::options::CompileOptions;
use super::planned::Planned;
use super::{delivered, rustc};
use crate::files::manifest::{self, MANIFEST, NotOurs};
use crate::files::output;

/// A crate that was written and built.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The crate's folder.
    pub dir: PathBuf,
    /// The program or library that rustc built, inside `dir`.
    pub artifact: PathBuf,
    /// Size of the artifact in bytes.
    pub artifact_bytes: u64,
    /// How each level computes the network.
    pub plans: Vec<Planned>,
}

/// Writes the crate of a network to `dir` and builds it. The folder appears when everything is done. A folder that an earlier call wrote is
/// replaced, unless a file in it was added or changed since.
///
/// # Errors
/// If the network cannot be compiled, `dir` holds other files or cannot be written, or rustc fails.
pub fn compile(network: &Network, weights: &Weights, options: &CompileOptions, dir: &Path) -> Result<Compiled, CompileError> {
    let io = |source| CompileError::Io { path: dir.into(), source };
    let place = output::linked(dir);
    manifest::check(&place).map_err(|why| not_ours(dir, &place, why))?;
    check_threads(options.threads)?;
    let staging = output::staging_dir(&place).map_err(io)?;
    let generated =
        generate(network, weights, &options.levels, options.batch, options.threads, &options.package(), &options.tunings)?;
    let built = rustc::build(&generated, options.kind, &options.target)?;
    let delivered = delivered::of(network, &generated, &built, options)?;
    let new = staging.path().join("crate");
    generated.files.iter().try_for_each(|(path, bytes)| output::write_staged(&new.join(path), bytes)).map_err(io)?;
    delivered.iter().try_for_each(|(path, bytes)| output::write_staged(&new.join(path), bytes)).map_err(io)?;
    let (artifact, bytes) = &delivered[0];
    if artifact.extension().is_none_or(|extension| extension != "whl") {
        let permissions = std::fs::metadata(&built.artifact).map_err(io)?.permissions();
        std::fs::set_permissions(new.join(artifact), permissions).map_err(io)?;
    }
    let (artifact, artifact_bytes) = (dir.join(artifact), bytes.len() as u64);
    let files = generated.files.iter().chain(&delivered).map(|(path, bytes)| (&**path, &**bytes));
    output::write_staged(&new.join(MANIFEST), manifest(network, options, files).as_bytes()).map_err(io)?;
    drop(built);
    output::replace_dir(&new, &place, manifest::check).map_err(|why| not_ours(dir, &new, why))?;
    Ok(Compiled { dir: dir.into(), artifact, artifact_bytes, plans: generated.plans })
}

/// The error for a folder that must not be replaced: `dir` as the user named it, `place` with links resolved.
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

/// An input of one image, as the manifest has it.
fn named(Input { name, shape: Shape { c, h, w } }: Input) -> serde_json::Value {
    serde_json::json!({ "name": name, "shape": [c, h, w] })
}

fn manifest<'a>(network: &Network, options: &CompileOptions, files: impl Iterator<Item = (&'a Path, &'a [u8])>) -> String {
    let levels: Vec<_> = options.levels.iter().map(|level| level.name()).collect();
    let files: manifest::Files = files.map(|(path, bytes)| (manifest::name(path), manifest::digest(bytes))).collect();
    let inputs: Vec<_> = options.package().inputs(network).into_iter().map(named).collect();
    let mut manifest = serde_json::json!({
        "sartor": env!("CARGO_PKG_VERSION"), "network": network.name, "levels": levels, "batch": options.batch,
        "threads": options.threads, "kind": format!("{:?}", options.kind).to_lowercase(), "inputs": inputs, "files": files,
    });
    if let Some(settings) = options.settings() {
        manifest["preprocess"] = serde_json::json!(settings);
    }
    if options.input != InputForm::default() {
        let InputForm { order, layout, elements, normalisation } = options.input;
        manifest["input"] = serde_json::json!({
            "type": elements.name(), "layout": layout.name(), "order": order.name(), "normalised_inside": normalisation.is_some(),
        });
    }
    format!("{manifest:#}\n")
}
