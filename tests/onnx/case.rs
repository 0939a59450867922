//! Files with an input and the answers that another engine gives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sartor::data::npy;
use sartor::models::import::{self, ImportError, ImportOptions, Imported, Port};

use crate::question::{Question, Tensor};

/// A folder with a file, an input and answers.
pub struct Case {
    pub folder: PathBuf,
    pub model: String,
}

/// The folder that scripts/setup-onnx.sh links.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx/.cases");
    assert!(root.exists(), "there are no ONNX cases: run scripts/setup-onnx.sh");
    root
}

/// The cases of a suite, in order.
pub fn cases(suite: &str) -> Vec<Case> {
    let folders = std::fs::read_dir(root().join(suite)).expect("the suite's folder");
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    folders.into_iter().map(|folder| Case { folder, model: "model.onnx".into() }).collect()
}

/// The committed cases: modules of one idiom each, as PyTorch's older exporter writes them at two versions of ONNX's operators.
pub fn idioms() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx/idioms");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).expect("idioms").map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    let of =
        |folder: &PathBuf| ["opset17.onnx", "opset20.onnx"].map(|model| Case { folder: folder.clone(), model: model.into() });
    folders.iter().flat_map(of).filter(|case| case.folder.join(&case.model).exists()).collect()
}

impl Case {
    pub fn name(&self) -> String {
        let suite = self.folder.parent().and_then(Path::file_name).unwrap_or_default();
        let name = format!("{}/{}", suite.display(), self.folder.file_name().unwrap_or_default().display());
        if self.model == "model.onnx" { name } else { format!("{name}/{}", self.model) }
    }

    fn tensor(&self, file: &str) -> Option<Tensor> {
        let path = self.folder.join(file);
        path.exists().then(|| {
            let (dims, values) = npy::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            Tensor { dims, values }
        })
    }

    /// Reads the file, with the input's dimensions pinned to those of the case.
    pub fn import(&self) -> Result<Imported, ImportError> {
        let path = self.folder.join(&self.model);
        match import::onnx(&path, &ImportOptions::default()) {
            // The declared dimensions are no numbers, or not those of this case.
            Ok(imported) if imported.interface.inputs[0].dims() == self.dims() => Ok(imported),
            Ok(Imported { interface, .. }) => self.pinned(&interface.inputs[0].name),
            Err(ImportError::Option(message)) => {
                let name = message.split("of input '").nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or_default();
                self.pinned(name)
            }
            Err(error) => Err(error),
        }
    }

    fn pinned(&self, name: &str) -> Result<Imported, ImportError> {
        let options =
            ImportOptions { input_shapes: BTreeMap::from([(name.to_owned(), self.dims())]), ..ImportOptions::default() };
        import::onnx(&self.folder.join(&self.model), &options)
    }

    fn dims(&self) -> Vec<usize> {
        self.tensor("input.npy").expect("an input").dims
    }

    /// The case as engines meet it.
    ///
    /// # Panics
    /// If there is no image, or an answer is missing.
    pub fn question(&self, imported: &Imported) -> Question {
        let Imported { network, weights, interface, .. } = imported;
        let input = self.tensor("input.npy").expect("an input");
        let port = &interface.inputs[0];
        // A batch is as many images one after another.
        let images: Vec<_> = input.values.chunks_exact(port.shape.len()).map(|image| port.map_of(image)).collect();
        assert!(!images.is_empty(), "{} asks nothing", self.name());
        let answer = |(index, port): (usize, &Port)| {
            let tensor = self.tensor(&format!("output{index}.npy"));
            (port.clone(), tensor.unwrap_or_else(|| panic!("{}: there is no output {index}", self.name())))
        };
        let answers = interface.outputs.iter().enumerate().map(answer).collect();
        // Some cases test special values.
        Question { network: network.clone(), weights: weights.clone().with_non_finite_allowed(), images, answers }
    }
}
