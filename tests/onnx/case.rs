//! A file with an input and the answers that another engine gives, and what each of ours makes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sartor::codegen::compile;
use sartor::codegen::interpret;
use sartor::codegen::network::{normalize::normalize, pack::pack};
use sartor::codegen::schedule::Options;
use sartor::data::npy;
use sartor::judge::engines::{GenericEngine, ReferenceEngine};
use sartor::models::import::{self, ImportError, ImportOptions, Imported};
use sartor::{Level, Network};

/// A folder with a file, an input and answers.
pub struct Case {
    pub folder: PathBuf,
    pub model: String,
}

/// A tensor of the file.
struct Tensor {
    dims: Vec<usize>,
    values: Vec<f32>,
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

    /// Compares all engines with the answers: the reference, the generic engine at the levels of this CPU, and interpreted plans of
    /// all levels. Returns how many answers were compared, or what was wrong.
    pub fn check(&self, imported: &Imported, tolerance: f64) -> Result<usize, String> {
        let Imported { network, weights, interface, .. } = imported;
        // Some cases test special values.
        let weights = &weights.clone().with_non_finite_allowed();
        let input = self.tensor("input.npy").expect("an input");
        let port = &interface.inputs[0];
        // A batch is as many images one after another.
        let batch = input.values.len() / port.shape.len();
        let images: Vec<Vec<f32>> = input.values.chunks_exact(port.shape.len()).map(|image| port.map_of(image)).collect();
        let mut checked = 0;
        let mut judge = |engine: &str, image: usize, outputs: &[Vec<f32>]| -> Result<(), String> {
            for (index, (port, found)) in interface.outputs.iter().zip(outputs).enumerate() {
                let expected = self.tensor(&format!("output{index}.npy")).ok_or_else(|| format!("there is no output {index}"))?;
                let mut dims = port.dims();
                if batch > 1 {
                    dims[0] = batch;
                }
                if expected.dims != dims {
                    return Err(format!("output {index} has dimensions {dims:?}, not {:?}", expected.dims));
                }
                let own = &expected.values[image * port.shape.len()..][..port.shape.len()];
                compare(&port.tensor_of(found), own, tolerance).map_err(|e| format!("{engine}, output {index}: {e}"))?;
                checked += 1;
            }
            Ok(())
        };
        for (index, image) in images.iter().enumerate() {
            let outputs = ReferenceEngine::new(network, weights).and_then(|engine| engine.run(image, 1));
            judge("reference", index, &outputs.map_err(|e| e.to_string())?)?;
            for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
                let outputs = GenericEngine::new(network, weights, level).and_then(|mut engine| engine.run(image, 1));
                judge(&format!("generic {level}"), index, &outputs.map_err(|e| e.to_string())?)?;
            }
        }
        let layers = normalize(network, weights).map_err(|e| format!("compiler: {e}"))?;
        let packed = pack(&layers);
        for level in Level::ALL {
            let plan = compile::plan(&layers, &packed, &Options::new(level)).map_err(|e| format!("compiler, {level}: {e}"))?;
            for (index, image) in images.iter().enumerate().take(1) {
                let (_, output) = interpret::plan(&plan, &packed.data, image, 1);
                judge(&format!("plan {level}"), index, &split(network, &output))?;
            }
        }
        Ok(checked)
    }
}

/// The outputs of a network, which follow one another.
fn split(network: &Network, mut output: &[f32]) -> Vec<Vec<f32>> {
    let mut parts = Vec::new();
    for &id in network.outputs() {
        let (part, rest) = output.split_at(network.node(id).shape.len());
        parts.push(part.to_vec());
        output = rest;
    }
    parts
}

/// Compares values, relative to the largest one. NaN and infinities must be in the same places.
pub fn compare(found: &[f32], expected: &[f32], tolerance: f64) -> Result<(), String> {
    let largest = expected.iter().filter(|x| x.is_finite()).fold(1e-3f64, |max, &x| max.max(f64::from(x).abs()));
    for (i, (&x, &y)) in found.iter().zip(expected).enumerate() {
        let same = x == y || (x.is_nan() && y.is_nan()) || (f64::from(x) - f64::from(y)).abs() <= tolerance * largest;
        if !same {
            return Err(format!("value {i} is {x}, not {y}, of up to {largest:.3}"));
        }
    }
    Ok(())
}
