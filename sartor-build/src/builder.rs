//! What a build script says of a network.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sartor_codegen::compile::{Input, Kind, Package, generate_for};
use sartor_codegen::ir::isa;
use sartor_codegen::schedule::Options;
use sartor_codegen::tunings::cpu_caches::Sizes;
use sartor_codegen::tunings::{TuningFile, choices};
use sartor_kernels::runtime::Level;
use sartor_models::import::{ImportOptions, onnx};
use sartor_models::weights::LoadOptions;
use sartor_models::zoo::Spec;
use sartor_models::{Network, Weights};

use crate::error::BuildError;
use crate::module;

/// Compiles an ONNX file. The name is the file's, without what follows its last point.
///
/// # Errors
/// As [`Builder::compile`].
pub fn compile(path: impl AsRef<Path>) -> Result<(), BuildError> {
    Builder::default().compile(path)
}

/// How a network is compiled. What is not said is as `sartor compile` has it.
#[derive(Clone, Debug)]
pub struct Builder {
    name: Option<String>,
    levels: Option<Vec<Level>>,
    batch: usize,
    threads: usize,
    weights: Option<PathBuf>,
    tuning: Option<PathBuf>,
    winograd: bool,
    import: ImportOptions,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            name: None,
            levels: None,
            batch: 1,
            threads: 2,
            weights: None,
            tuning: None,
            winograd: true,
            import: ImportOptions::default(),
        }
    }
}

impl Builder {
    /// The usual way.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name for [`include_network!`](crate::include_network), which is the module's.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The levels that are compiled in, instead of the portable one and those of the architecture that Cargo builds for.
    pub fn levels(self, levels: impl Into<Vec<Level>>) -> Self {
        Self { levels: Some(levels.into()), ..self }
    }

    /// Images of the shapes, and of each pass. A run takes any multiple.
    pub fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// Threads that each stage is split for. A model may have any number.
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// The file with the weights of a network of the [zoo](Self::compile_zoo), in safetensors' format.
    pub fn weights(self, path: impl Into<PathBuf>) -> Self {
        Self { weights: Some(path.into()), ..self }
    }

    /// A file that `sartor tune` wrote, for machines whose caches are like those of this one. What it does not have is as the file has it
    /// that is shipped with Sartor, or as the cost model says.
    pub fn tuning(self, path: impl Into<PathBuf>) -> Self {
        Self { tuning: Some(path.into()), ..self }
    }

    /// Whether dense 3x3 convolutions are computed by Winograd's tiles where that is worth it: with fewer products, added up in another
    /// order. They are, unless this says no.
    pub fn winograd(self, winograd: bool) -> Self {
        Self { winograd, ..self }
    }

    /// How ONNX files are read: the dimensions of their inputs, for example.
    pub fn import(self, import: ImportOptions) -> Self {
        Self { import, ..self }
    }

    /// Compiles an ONNX file. Cargo runs the build script again when the file changes.
    ///
    /// # Errors
    /// If the file cannot be read or compiled, its name is no module's, or this is no build script.
    pub fn compile(&self, path: impl AsRef<Path>) -> Result<(), BuildError> {
        let path = path.as_ref();
        rerun_if_changed(path);
        let imported = onnx(path, &self.import)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        self.write(&name, &imported.network, &imported.weights, Input::all_of(&imported.interface))
    }

    /// Compiles a network of the zoo, such as `rexnet_x1.0`, with the [weights](Self::weights) of a file.
    ///
    /// # Errors
    /// As [`compile`](Self::compile), or if there are no weights.
    pub fn compile_zoo(&self, network: &str) -> Result<(), BuildError> {
        let network = network.parse::<Spec>()?.build()?;
        let file = self.weights.as_ref().ok_or_else(|| BuildError::NoWeights { network: network.name.clone() })?;
        rerun_if_changed(file);
        let weights = Weights::load(file, &network, LoadOptions::default())?;
        self.write(&network.name, &network, &weights, Vec::new())
    }

    /// The shipped tunings, then the user's, which decide.
    fn tunings(&self) -> Result<Vec<TuningFile>, BuildError> {
        let mut files = vec![TuningFile::shipped()];
        if let Some(path) = &self.tuning {
            rerun_if_changed(path);
            let text = std::fs::read_to_string(path).map_err(|source| BuildError::Io { path: path.clone(), source })?;
            files.push(TuningFile::parse(&text).map_err(|what| BuildError::Tuning { path: path.clone(), what })?);
        }
        Ok(files)
    }

    fn write(&self, name: &str, network: &Network, weights: &Weights, inputs: Vec<Input>) -> Result<(), BuildError> {
        let name = self.name.as_deref().unwrap_or(name);
        if !module::is_name(name) {
            return Err(BuildError::Name(name.into()));
        }
        let variable = |name| std::env::var(name).map_err(|_| BuildError::NoBuildScript(name));
        let folder = PathBuf::from(variable("OUT_DIR")?).join(name);
        let levels = match &self.levels {
            Some(levels) => levels.clone(),
            None => isa::levels_for(&variable("CARGO_CFG_TARGET_ARCH")?),
        };
        let (tunings, caches) = (self.tunings()?, Sizes::here());
        let winograd = self.winograd;
        let tuned =
            |&level: &Level| Options { tuning: Arc::new(choices(&tunings, level, caches)), winograd, ..Options::new(level) };
        let options: Vec<Options> = levels.iter().map(|level| tuned(level).shared_by(self.threads)).collect();
        let package = Package { inputs, ..Kind::Lib.into() };
        let generated = generate_for(network, weights, &options, self.batch, &package)?;
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| BuildError::Io { path, source }
        };
        // What an earlier run of the script left there, for other levels perhaps.
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(io(&folder))?;
        }
        for (path, bytes) in generated.files {
            let place = folder.join(&path);
            let parent = place.parent().unwrap_or(&folder);
            std::fs::create_dir_all(parent).map_err(io(parent))?;
            std::fs::write(&place, module::file(&path, bytes)).map_err(io(&place))?;
        }
        // Last, so that a module is there only with its files.
        let (place, text) = module::declaration(name, &folder);
        std::fs::write(&place, text).map_err(io(&place))
    }
}

fn rerun_if_changed(path: &Path) {
    println!("cargo:rerun-if-changed={}", path.display());
}
