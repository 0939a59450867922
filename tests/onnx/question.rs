//! What engines are asked, what they must answer, and what each of ours makes of it.

use sartor::codegen::compile;
use sartor::codegen::interpret;
use sartor::codegen::network::{normalize::normalize, pack::pack};
use sartor::codegen::schedule::Options;
use sartor::judge::engines::{GenericEngine, ReferenceEngine};
use sartor::models::import::Port;
use sartor::{Level, Model, Network, Weights};

/// A tensor of a file.
pub struct Tensor {
    pub dims: Vec<usize>,
    pub values: Vec<f32>,
}

/// A network with images and answers.
pub struct Question {
    pub network: Network,
    pub weights: Weights,
    pub images: Vec<Vec<f32>>,
    /// What the file's outputs must be for all images.
    pub answers: Vec<(Port, Tensor)>,
}

impl Question {
    /// Compares engines that need no compiler with the answers: the reference, the generic engine at the levels of this CPU, and
    /// interpreted plans of all levels. Returns how many answers were compared, or what was wrong.
    pub fn check(&self, tolerance: f64) -> Result<usize, String> {
        let Self { network, weights, images, .. } = self;
        let mut checked = 0;
        for (index, image) in images.iter().enumerate() {
            let outputs = ReferenceEngine::new(network, weights).and_then(|engine| engine.run(image, 1));
            checked += self.judge("reference", index, &outputs.map_err(|e| e.to_string())?, tolerance)?;
            for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
                let outputs = GenericEngine::new(network, weights, level).and_then(|mut engine| engine.run(image, 1));
                checked += self.judge(&format!("generic {level}"), index, &outputs.map_err(|e| e.to_string())?, tolerance)?;
            }
        }
        let layers = normalize(network, weights).map_err(|e| format!("compiler: {e}"))?;
        let packed = pack(&layers);
        for level in Level::ALL {
            let plan = compile::plan(&layers, &packed, &Options::new(level)).map_err(|e| format!("compiler, {level}: {e}"))?;
            let (_, output) = interpret::plan(&plan, &packed.data, &images[0], 1);
            checked += self.judge(&format!("plan {level}"), 0, &split(network, &output), tolerance)?;
        }
        Ok(checked)
    }

    /// Compares a compiled program with the answers.
    pub fn check_compiled(&self, model: &Model, tolerance: f64) -> Result<usize, String> {
        let mut session = model.session(1).map_err(|e| e.to_string())?;
        let mut checked = 0;
        for (index, image) in self.images.iter().enumerate() {
            let mut output = vec![f32::NAN; model.program().output_len()];
            session.run(image, &mut output).map_err(|e| e.to_string())?;
            checked += self.judge("program", index, &split(&self.network, &output), tolerance)?;
        }
        Ok(checked)
    }

    /// Compares what an engine made of an image with the answers.
    fn judge(&self, engine: &str, image: usize, outputs: &[Vec<f32>], tolerance: f64) -> Result<usize, String> {
        let batch = self.images.len();
        assert_eq!(outputs.len(), self.answers.len(), "outputs of {engine}");
        for (index, ((port, expected), found)) in self.answers.iter().zip(outputs).enumerate() {
            let mut dims = port.dims();
            if batch > 1 {
                dims[0] = batch;
            }
            if expected.dims != dims {
                return Err(format!("output {index} has dimensions {dims:?}, not {:?}", expected.dims));
            }
            let own = &expected.values[image * port.shape.len()..][..port.shape.len()];
            compare(&port.tensor_of(found), own, tolerance).map_err(|e| format!("{engine}, output {index}: {e}"))?;
        }
        Ok(self.answers.len())
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
