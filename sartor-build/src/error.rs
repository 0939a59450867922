//! Why a build script cannot compile a network.

use std::fmt;
use std::io;
use std::path::PathBuf;

use sartor_codegen::compile::GenerateError;
use sartor_models::escape;
use sartor_models::import::ImportError;
use sartor_models::weights::LoadError;
use sartor_models::zoo::ZooError;

/// Why a network cannot be compiled. A build script that returns it prints its text.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The ONNX file cannot be read.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The zoo has no such network.
    #[error(transparent)]
    Zoo(#[from] ZooError),
    /// The weights cannot be read.
    #[error(transparent)]
    Weights(#[from] LoadError),
    /// The network cannot be compiled.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The name is no module's.
    #[error("'{}' cannot be the name of a module: use letters, digits and _, and no word of Rust's; Builder::name chooses one", escape::line(.0))]
    Name(String),
    /// The zoo's network has no weights.
    #[error("{network} has no weights: name a file of them with Builder::weights")]
    NoWeights {
        /// The network.
        network: String,
    },
    /// The file of tunings cannot be used.
    #[error("{}: {}", escape::path(path), escape::line(what))]
    Tuning {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Cargo's variable is missing: this is no build script.
    #[error("the environment variable {0} is not set: networks are compiled in a build script, build.rs")]
    NoBuildScript(&'static str),
    /// A file cannot be written.
    #[error("{}: {source}", escape::path(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// What `main` of a build script prints of an error: the text, for people.
impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
