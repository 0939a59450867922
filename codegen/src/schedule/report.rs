//! A plan as rows of a table.

use super::Plan;
use super::library::problem_line;

/// One layer of a plan, for people and for tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerReport {
    /// The layer's name.
    pub name: String,
    /// Its problem in one line.
    pub problem: String,
    /// Index of its stage.
    pub stage: usize,
    /// Names of its kernels.
    pub kernels: Vec<String>,
    /// Multiply-accumulates of the whole batch, without padding.
    pub macs: u64,
}

impl Plan {
    /// All layers in order.
    pub fn report(&self) -> Vec<LayerReport> {
        let mut rows = Vec::new();
        for (stage, plan) in self.stages.iter().enumerate() {
            for &index in &plan.layers {
                let layer = &self.layers.layers[index];
                rows.push(LayerReport {
                    name: layer.name.clone(),
                    problem: problem_line(&self.layers, layer, self.options.batch),
                    stage,
                    kernels: self.kernels_of[index].iter().map(|&kernel| self.kernels[kernel].name.clone()).collect(),
                    macs: layer.macs * self.options.batch as u64,
                });
            }
        }
        rows
    }
}
