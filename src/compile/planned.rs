//! A plan together with what people want to know of it.

use sartor_codegen::plan::Plan;
use sartor_kernels::runtime::Level;

/// How a level computes a network.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The level.
    pub level: Level,
    /// Length of the arena, in f32.
    pub arena_len: usize,
    /// Length of each thread's scratch memory, in f32.
    pub scratch_len: usize,
    /// The program's stages, in order. The last one copies the results and has no layers.
    pub stages: Vec<PlannedStage>,
    /// The plan itself: maps, places, kernels.
    pub plan: Plan,
}

/// Layers that are executed together.
#[derive(Clone, Debug)]
pub struct PlannedStage {
    /// A name for people.
    pub name: String,
    /// Its layers, in order.
    pub layers: Vec<PlannedLayer>,
}

/// One layer: an operator with what is fused into it.
#[derive(Clone, Debug)]
pub struct PlannedLayer {
    /// The name of the network's node that does the work.
    pub name: String,
    /// The problem, in oneDNN's notation.
    pub problem: String,
    /// The name of its kernel, which specifies the kernel; of several kernels, the one with most work.
    pub kernel: String,
    /// Multiply-accumulates for one image; those on padding do not count.
    pub macs: u64,
}

impl Planned {
    /// Multiply-accumulates of all layers for one image. Branches that became one convolution count once, so they may be fewer than
    /// the network's.
    pub fn macs(&self) -> u64 {
        self.stages.iter().flat_map(|stage| &stage.layers).map(|layer| layer.macs).sum()
    }
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
        Self { level: plan.level, arena_len: plan.lengths.arena, scratch_len: plan.lengths.scratch, stages, plan }
    }
}
