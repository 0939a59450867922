//! How a program computes a network, for people and for measuring.

use sartor_codegen::plan::Plan;
use sartor_kernels::runtime::Level;

/// How one level computes the network.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The level.
    pub level: Level,
    /// Length of the arena in f32.
    pub arena_len: usize,
    /// Length of each thread's scratch memory in f32.
    pub scratch_len: usize,
    /// The program's stages, in order; the last one only copies results and has no layers.
    pub stages: Vec<PlannedStage>,
    /// Everything the compiler knows: maps, places, kernels.
    pub plan: Plan,
}

/// Layers executed together.
#[derive(Clone, Debug)]
pub struct PlannedStage {
    /// For people.
    pub name: String,
    /// Its layers, in order.
    pub layers: Vec<PlannedLayer>,
}

/// One fused operator.
#[derive(Clone, Debug)]
pub struct PlannedLayer {
    /// Name of the network's node that does the work.
    pub name: String,
    /// The problem in oneDNN's notation.
    pub problem: String,
    /// The kernel's name, which is its specification; the one with most work if there are several.
    pub kernel: String,
    /// Multiply-accumulates of an image, without padding.
    pub macs: u64,
}

impl From<Plan> for Planned {
    fn from(plan: Plan) -> Self {
        let mut stages: Vec<PlannedStage> =
            plan.stages.iter().map(|_| PlannedStage { name: String::new(), layers: Vec::new() }).collect();
        for row in plan.report() {
            let kernel = row.kernels.first().cloned().unwrap_or_default();
            let layer = PlannedLayer { name: row.name, problem: row.problem, kernel, macs: row.macs };
            stages[row.stage].layers.push(layer);
        }
        for stage in &mut stages {
            stage.name = match &stage.layers[..] {
                [] => String::new(),
                [only] => only.name.clone(),
                [first, .., last] => format!("{} .. {}", first.name, last.name),
            };
        }
        stages.push(PlannedStage { name: "outputs".into(), layers: Vec::new() });
        Self { level: plan.options.level, arena_len: plan.lengths.arena, scratch_len: plan.lengths.scratch, stages, plan }
    }
}
