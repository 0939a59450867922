//! A sample of problems, planned for a level: its distinct kernels, and the calls that each problem makes of them.

use std::collections::BTreeMap;
use std::fmt::Write;

use sartor::codegen::compile::plan;
use sartor::codegen::interpret;
use sartor::codegen::ir::kernel::Kernel;
use sartor::codegen::ir::stage::Call;
use sartor::codegen::network::normalize::normalize;
use sartor::codegen::network::pack::{Packed, pack};
use sartor::codegen::plan::Plan;
use sartor::codegen::schedule::Options;
use sartor::{Level, Network, Weights};

use crate::draw::Draw;

/// Problems of the whole sample.
pub const PROBLEMS: usize = 320;

pub struct Problem {
    pub network: Network,
    pub weights: Weights,
    pub plan: Plan,
    pub packed: Packed,
    /// The sample's numbers of the plan's kernels.
    numbers: Vec<usize>,
}

pub struct Sample {
    pub level: Level,
    pub kernels: Vec<Kernel>,
    pub problems: Vec<Problem>,
}

impl Sample {
    /// The first problems, the same for every level.
    pub fn new(level: Level, problems: usize) -> Self {
        let mut sample = Self { level, kernels: Vec::new(), problems: Vec::new() };
        let mut names = BTreeMap::new();
        let mut draw = Draw::new(4);
        for number in 0..problems {
            let network = draw.problem(number);
            let weights = draw.weights(&network);
            let layers = normalize(&network, &weights).unwrap();
            let packed = pack(&layers);
            let batch = 1 + usize::from(number % 7 == 0);
            let plan = plan(&layers, &packed, &Options { batch, ..Options::new(level) }).unwrap();
            let numbers = plan.kernels.iter().map(|kernel| sample.add(kernel, &mut names)).collect();
            sample.problems.push(Problem { network, weights, plan, packed, numbers });
        }
        sample
    }

    /// The number of a kernel. Names are unique in a program only.
    fn add(&mut self, kernel: &Kernel, names: &mut BTreeMap<String, usize>) -> usize {
        if let Some(number) = self.kernels.iter().position(|known| known.is_same(kernel)) {
            return number;
        }
        let mut kernel = kernel.clone();
        let same = names.entry(kernel.name.clone()).or_default();
        if *same > 0 {
            write!(kernel.name, "_again{same}").unwrap();
        }
        *same += 1;
        self.kernels.push(kernel);
        self.kernels.len() - 1
    }
}

impl Problem {
    /// The calls of all stages, each with the number of its stage.
    fn calls(&self) -> impl Iterator<Item = (usize, Call)> {
        let stages = self.plan.stages.iter().enumerate();
        stages
            .flat_map(|(index, stage)| stage.code.calls(0, stage.code.units).unwrap().into_iter().map(move |call| (index, call)))
    }

    /// How many calls it makes.
    pub fn call_count(&self) -> usize {
        self.calls().count()
    }

    /// What the runner reads.
    pub fn words(&self, input: &[f32], words: &mut Vec<u32>) {
        let lengths = self.plan.lengths;
        assert_eq!(input.len(), lengths.input);
        let mut steps = Vec::new();
        let (mut count, mut last) = (0, None);
        for (stage, call) in self.calls() {
            if last != Some(stage) {
                steps.push(u32::MAX);
                count += 1;
                last = Some(stage);
            }
            steps.push(self.numbers[call.kernel.0] as u32);
            steps.extend(call.args.iter().flat_map(|&(region, at)| [region as u32, at as u32]));
            count += 1;
        }
        words.extend([lengths.input, lengths.arena, lengths.scratch, lengths.weights, count].map(|n| n as u32));
        words.extend(input.iter().chain(&self.packed.data).map(|x| x.to_bits()));
        words.extend(steps);
    }

    /// The problem in one line for each of its layers.
    pub fn line(&self) -> String {
        let report = self.plan.report();
        let layers = report.iter().map(|layer| format!("{} ({})", layer.problem, layer.kernels.join(", ")));
        format!("{}: {}", self.network.name, layers.collect::<Vec<_>>().join("; "))
    }

    /// What the interpreter makes of an input: the arena.
    pub fn interpret(&self, input: &[f32]) -> interpret::Memory {
        interpret::plan(&self.plan, &self.packed.data, input, 1).0
    }
}
