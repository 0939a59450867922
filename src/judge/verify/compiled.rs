//! Verifies a compiled program.

use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg32;
use sartor_codegen::compile::PlanError;
use sartor_codegen::network::normalize::normalize;
use sartor_codegen::network::winograd;
use sartor_codegen::schedule::check_batch;
use sartor_kernels::runtime::Level;
use sartor_models::{Network, Weights};

use super::error::VerifyError;
use super::judge::{Again, Case, judge};
use super::verdict::Verdict;
use crate::compile::Model;

/// Images of standard normal noise. The same seed gives the same images.
pub fn images(network: &Network, batch: usize, seed: u64) -> Vec<f32> {
    StandardNormal.sample_iter(Pcg32::new(seed, 0)).take(batch * network.input_shape().len()).collect()
}

/// Compiles a network for a level, runs it on images of noise, and compares every layer with the f64 reference.
///
/// # Errors
/// If the network cannot be compiled or run.
pub fn verify(network: &Network, weights: &Weights, level: Level, batch: usize) -> Result<Vec<Verdict>, VerifyError> {
    check_batch(network, batch).map_err(PlanError::from)?;
    let model = Model::open(network, weights, level)?;
    check(&model, network, weights, &images(network, batch, 0))
}

/// Runs a compiled program and compares every layer with the f64 reference. The result has a verdict for each layer and, after
/// these, for each output. If `weights` are not those that the program was compiled with, layers fail.
///
/// # Errors
/// If the weights are not the network's, or the input is not a whole number of images.
///
/// # Panics
/// If the program was not compiled from this network.
pub fn check(model: &Model, network: &Network, weights: &Weights, input: &[f32]) -> Result<Vec<Verdict>, VerifyError> {
    let layers = normalize(network, weights)?;
    let layers = if winograd::is_split(&model.planned().plan.layers) { winograd::usual(&layers) } else { layers };
    let image = model.program().input_len();
    let images = input.len() / image;
    let (mut observed, mut together) = (model.session(1)?, Vec::new());
    for threads in THREADS {
        let mut output = vec![f32::NAN; images * model.program().output_len()];
        model.session(threads)?.run(input, &mut output)?;
        together.push(Again { how: format!("on {threads} threads"), elsewhere: false, output });
    }
    let mut verdicts: Vec<Verdict> = Vec::new();
    for (index, input) in input.chunks_exact(image).enumerate() {
        let of_this = |all: &Again| Again {
            how: all.how.clone(),
            elsewhere: all.elsewhere,
            output: of_image(network, &all.output, images, index),
        };
        let again: Vec<Again> = together.iter().map(of_this).collect();
        let case = Case { network, weights, layers: &layers, planned: model.planned(), input, again: &again };
        let judged = judge(case, &mut observed)?;
        if index == 0 {
            verdicts = judged;
        } else {
            verdicts.iter_mut().zip(judged).for_each(|(worst, other)| worst.join(other));
        }
    }
    Ok(verdicts)
}

/// The outputs for one of the `images` of a run, one after another.
///
/// # Panics
/// If `output` does not hold the image.
pub fn of_image(network: &Network, mut output: &[f32], images: usize, image: usize) -> Vec<f32> {
    let mut of_this = Vec::new();
    for len in network.outputs().iter().map(|&id| network.node(id).shape.len()) {
        let (of_all, rest) = output.split_at(images * len);
        of_this.extend_from_slice(&of_all[image * len..][..len]);
        output = rest;
    }
    of_this
}

/// The numbers of threads for which a program must return the same bits.
const THREADS: [usize; 2] = [1, 3];
