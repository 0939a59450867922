//! Reads the values of a network's nodes from the memory of a program.

use std::collections::BTreeMap;

use sartor::judge::verify::of_image;
use sartor_codegen::layout::MapId;
use sartor_codegen::plan::{Place, Plan};
use sartor_kernels::runtime::{Program, Session};
use sartor_models::{Network, NodeId};
use tch::Tensor;

use crate::torch::tensor;

/// Runs a program twice: stage by stage on one thread, image by image, reading each stage's maps; and as users do, all images at once on two
/// threads. Returns the values that the first run read.
///
/// # Errors
/// If the input's length is not the program's, or there cannot be two threads.
///
/// # Panics
/// If the two runs differ in a bit.
pub fn values(
    program: &'static Program,
    plan: &Plan,
    network: &Network,
    input: &[f32],
) -> Result<BTreeMap<NodeId, Tensor>, String> {
    let mut session = Session::new(program, 2).map_err(|error| error.to_string())?;
    let images = input.len() / program.input_len();
    let mut together = vec![f32::NAN; images * program.output_len()];
    session.run(input, &mut together).map_err(|error| error.to_string())?;
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let mut values: BTreeMap<NodeId, Vec<Tensor>> = BTreeMap::new();
    for (image, input) in input.chunks_exact(program.input_len()).enumerate() {
        let mut maps = Maps::new(plan, network, input);
        let mut output = vec![f32::NAN; program.output_len()];
        for (index, stage) in program.stages().iter().enumerate() {
            session.run_units(index, 0, stage.units(), input, &mut output).map_err(|error| error.to_string())?;
            if index < plan.stages.len() {
                maps.take(index, session.arena());
            }
        }
        let of_this = of_image(network, &together, images, image);
        assert_eq!(bits(&output), bits(&of_this), "{}: one thread stage by stage, and two threads", network.name);
        maps.finish(&output).into_iter().for_each(|(id, value)| values.entry(id).or_default().push(value));
    }
    Ok(values.into_iter().map(|(id, images)| (id, Tensor::cat(&images, 0))).collect())
}

/// The values of a plan's layers, read from its arena after each stage. Maps that live inside a stage never get there.
pub struct Maps<'a> {
    plan: &'a Plan,
    network: &'a Network,
    values: BTreeMap<NodeId, Tensor>,
}

impl<'a> Maps<'a> {
    /// Begins with the input's value.
    pub fn new(plan: &'a Plan, network: &'a Network, input: &[f32]) -> Self {
        let input = tensor(input, plan.batch, network.input_shape());
        Self { plan, network, values: BTreeMap::from([(NodeId(0), input)]) }
    }

    /// Reads the maps that a stage completed: it holds the last layer that writes them.
    ///
    /// # Panics
    /// If a lane without a channel is not zero.
    pub fn take(&mut self, stage: usize, arena: &[f32]) {
        let layers = &self.plan.layers.layers;
        for &index in &self.plan.stages[stage].layers {
            let map = layers[index].dst();
            if layers[index + 1..].iter().all(|later| later.dst() != map) {
                self.read(map, arena);
            }
        }
    }

    fn read(&mut self, id: MapId, arena: &[f32]) {
        let Place::Arena { offset } = self.plan.places[id] else { return };
        let map = &self.plan.layers[id];
        let (pitch, pixels, batch) = (self.plan.pitch(id), map.h * map.w, self.plan.batch);
        let rows: Vec<&[f32]> = arena[offset..][..batch * pixels * pitch].chunks_exact(pitch).collect();
        assert!(rows.iter().all(|row| row[map.pads()].iter().all(|&x| x == 0.0)), "{}: a pad lane is not zero", map.name);
        for value in self.plan.layers.layers.iter().filter_map(|layer| layer.value.as_ref()).filter(|value| value.map == id) {
            let of_image = |rows: &[&[f32]]| -> Vec<f32> {
                value.lanes.iter().flat_map(|&lane| rows.iter().map(move |row| row[lane])).collect()
            };
            let nchw: Vec<f32> = rows.chunks_exact(pixels).flat_map(of_image).collect();
            self.values.insert(value.node, tensor(&nchw, batch, self.network.node(value.node).shape));
        }
    }

    /// Adds the outputs, one after another in the program's output.
    ///
    /// # Panics
    /// If the program has more outputs than the network.
    pub fn finish(mut self, mut output: &[f32]) -> BTreeMap<NodeId, Tensor> {
        let batch = self.plan.batch;
        for &id in self.network.outputs() {
            let shape = self.network.node(id).shape;
            let (values, rest) = output.split_at(batch * shape.len());
            self.values.insert(id, tensor(values, batch, shape));
            output = rest;
        }
        assert!(output.is_empty(), "the program has more outputs than the network");
        self.values
    }
}
