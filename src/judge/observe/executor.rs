//! Executors of plans: compiled programs and the interpreter.

use sartor_codegen::interpret::{self, Memory};
use sartor_codegen::plan::Plan;
use sartor_kernels::runtime::{Session, SessionError};

/// Executes a plan's stages unit by unit, and gives access to the memory.
pub trait Executor {
    /// The arena.
    fn arena(&self) -> &[f32];

    /// The arena.
    fn arena_mut(&mut self) -> &mut [f32];

    /// The scratch memory of the thread that runs units.
    fn scratch(&self) -> &[f32];

    /// The same.
    fn scratch_mut(&mut self) -> &mut [f32];

    /// Runs one unit of a stage: the part of it that one thread takes at a time. `input` and `output` are those of the whole program.
    ///
    /// # Errors
    /// If the length of `input` or `output` is not what the program takes for one pass.
    fn run_unit(&mut self, stage: usize, unit: usize, input: &[f32], output: &mut [f32]) -> Result<(), SessionError>;

    /// Runs what follows the `stages` that have layers: the copy of the results.
    ///
    /// # Errors
    /// As [`run_unit`](Self::run_unit).
    fn finish(&mut self, stages: usize, input: &[f32], output: &mut [f32]) -> Result<(), SessionError>;
}

impl Executor for Session {
    fn arena(&self) -> &[f32] {
        self.arena()
    }

    fn arena_mut(&mut self) -> &mut [f32] {
        self.arena_mut()
    }

    fn scratch(&self) -> &[f32] {
        self.scratch()
    }

    fn scratch_mut(&mut self) -> &mut [f32] {
        self.scratch_mut()
    }

    fn run_unit(&mut self, stage: usize, unit: usize, input: &[f32], output: &mut [f32]) -> Result<(), SessionError> {
        self.run_units(stage, unit, unit + 1, input, output)
    }

    fn finish(&mut self, stages: usize, input: &[f32], output: &mut [f32]) -> Result<(), SessionError> {
        let mut rest = self.program().stages().iter().enumerate().skip(stages);
        rest.try_for_each(|(index, stage)| self.run_units(index, 0, stage.units(), input, output))
    }
}

/// Executes a plan without a compiler, on any machine.
#[derive(Debug)]
pub struct Interpreter<'a> {
    plan: &'a Plan,
    memory: Memory,
}

impl<'a> Interpreter<'a> {
    /// An interpreter of a plan, with the packed weights and the input.
    pub fn new(plan: &'a Plan, weights: &[f32], input: &[f32]) -> Self {
        let mut memory = interpret::memory(plan, weights, input);
        memory.scratch = vec![f32::NAN; plan.lengths.scratch];
        Self { plan, memory }
    }
}

impl Executor for Interpreter<'_> {
    fn arena(&self) -> &[f32] {
        &self.memory.arena
    }

    fn arena_mut(&mut self) -> &mut [f32] {
        &mut self.memory.arena
    }

    fn scratch(&self) -> &[f32] {
        &self.memory.scratch
    }

    fn scratch_mut(&mut self) -> &mut [f32] {
        &mut self.memory.scratch
    }

    fn run_unit(&mut self, stage: usize, unit: usize, _: &[f32], _: &mut [f32]) -> Result<(), SessionError> {
        let code = &self.plan.stages[stage].code;
        let calls = code.calls(unit, unit + 1).unwrap_or_else(|error| panic!("{}: {error}", code.name));
        calls.iter().for_each(|call| interpret::call(call, &self.plan.kernels, &mut self.memory));
        Ok(())
    }

    fn finish(&mut self, _: usize, _: &[f32], output: &mut [f32]) -> Result<(), SessionError> {
        output.copy_from_slice(&interpret::output(self.plan, &self.memory));
        Ok(())
    }
}
