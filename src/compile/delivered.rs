//! The files that a user gets besides the crate: what was built, where each kind has it.

use std::path::{Path, PathBuf};

use sartor_codegen::compile::Kind;
use sartor_models::Network;

use super::c_packages::Library;
use super::error::CompileError;
use super::generate::Generated;
use super::options::CompileOptions;
use super::rustc::{self, Built};
use super::{archive, wheel};

/// The names of a library's functions, without the network's.
const FUNCTIONS: [&str; 9] =
    ["copy_weights", "create", "create_in", "describe", "destroy", "last_error", "level", "memory_size", "run"];

/// The files and their places in the folder. The first is the artifact.
///
/// # Errors
/// If what rustc built cannot be read, or the packages cannot be made of it.
pub(super) fn of(
    network: &Network,
    generated: &Generated,
    built: &Built,
    options: &CompileOptions,
) -> Result<Vec<(PathBuf, Vec<u8>)>, CompileError> {
    let bytes = std::fs::read(&built.artifact).map_err(|source| CompileError::Io { path: built.artifact.clone(), source })?;
    let file = built.artifact.file_name().unwrap_or(built.artifact.as_os_str());
    let (name, version) = (rustc::crate_name(generated), rustc::version(generated));
    let description = options.description.clone().unwrap_or_else(|| format!("{}, compiled by Sartor", network.name));
    match options.kind {
        // Cargo would put it there too.
        Kind::Bin | Kind::Lib | Kind::Dylib => Ok(vec![(Path::new("target/release").join(file), bytes)]),
        Kind::C => {
            let library = Library { name: &name, version: &version, description: &description, native: &built.native };
            let mut files = vec![(Path::new("lib").join(file), bytes)];
            if let Some(whole) = &built.archive {
                let symbols = FUNCTIONS.map(|function| format!("{name}_{function}"));
                files.push((format!("lib/lib{name}.a").into(), archive::of(whole, &symbols, built.folder())?));
            }
            files.extend(library.files().map(|(path, text)| (path.into(), text.into_bytes())));
            Ok(files)
        }
        Kind::Wheel => {
            let folder = format!("python/{name}/");
            let module = generated.files.iter().filter_map(|(path, bytes)| {
                let file = path.to_str()?.strip_prefix(&folder)?;
                Some((format!("{name}/{file}"), bytes.clone()))
            });
            let files = module.chain([(format!("{name}/lib{name}.so"), bytes.clone())]).collect();
            let tag = wheel::tag(&bytes)?;
            Ok(vec![wheel::write(files, &wheel::About { name: &name, version: &version, description: &description, tag: &tag })?])
        }
    }
}
