//! Options of compiling a network to a crate.

use sartor_codegen::compile::{self, Input, Kind, Package};
use sartor_codegen::ir::isa;
use sartor_kernels::runtime::Level;
use sartor_models::input::InputForm;

use super::target::Target;
use crate::data::image::{Pictures, Settings};
use crate::tuning::Tunings;

/// What a crate is compiled for.
#[derive(Clone, Debug)]
pub struct CompileOptions {
    /// The levels that the program has code for. It chooses the best one when it starts.
    pub levels: Vec<Level>,
    /// The images that the crate's program takes at a time. Its sessions take any number.
    pub batch: usize,
    /// Split each stage of an image for this many threads, 1 to [`MAX_THREADS`](sartor_kernels::runtime::session::MAX_THREADS). Sessions may
    /// have any number of threads.
    pub threads: usize,
    /// What to build.
    pub kind: Kind,
    /// What measuring chose, and whether there are Winograd convolutions. The cost model decides for problems that were not measured.
    pub tunings: Tunings,
    /// The crate's name, which must follow Cargo's rules; [`None`] derives it from the network's name.
    pub name: Option<String>,
    /// The crate's version. [`None`] is 0.1.0, a `+` and a digest of the crate, so that crates of the same name can be told apart.
    pub version: Option<String>,
    /// The crate's description; [`None`] is the network's name.
    pub description: Option<String>,
    /// Whether a library is a workspace of its own, as programs always are. If not, it can be a member of the user's workspace.
    pub standalone: bool,
    /// How pictures become the input, for the crate to say. It does not prepare them.
    pub pictures: Option<Pictures>,
    /// The form in which the network takes its input, for the crate to say and to have a `run_u8` for bytes. [`InputForm::of`] makes the
    /// network.
    pub input: InputForm,
    /// The names and shapes of the inputs, one after another in the network's only one: [`Input::all_of`] has those of a file. None stand for
    /// that one itself.
    pub inputs: Vec<Input>,
    /// The machine that the program or library is for.
    pub target: Target,
}

/// What `sartor compile` does without options: a program for one image at the levels of this machine's architecture and the portable one,
/// with stages split for two threads. The tunings
/// differ: these are the shipped ones, where the command takes those that are [installed](Tunings::installed).
impl Default for CompileOptions {
    fn default() -> Self {
        Self {
            levels: isa::levels_for(std::env::consts::ARCH),
            batch: 1,
            threads: 2,
            kind: Kind::Bin,
            tunings: Tunings::default(),
            name: None,
            version: None,
            description: None,
            standalone: false,
            pictures: None,
            input: InputForm::default(),
            inputs: Vec::new(),
            target: Target::default(),
        }
    }
}

impl CompileOptions {
    pub(super) fn package(&self) -> Package {
        let Self { kind, standalone, .. } = *self;
        Package {
            kind,
            name: self.name.clone(),
            version: self.version.clone(),
            description: self.description.clone(),
            standalone,
            pictures: self.pictures.as_ref().map(facts),
            input: self.input,
            inputs: self.inputs.clone(),
        }
    }

    /// The settings that say how pictures become the input, as the crate's manifest holds them.
    pub(super) fn settings(&self) -> Option<Settings> {
        self.pictures.as_ref().map(Settings::from)
    }
}

fn facts(pictures: &Pictures) -> compile::Pictures {
    let Pictures { steps, labels } = pictures;
    compile::Pictures {
        resize: steps.cover,
        crop: steps.crop,
        interpolation: steps.interpolation.name(),
        mean: steps.mean,
        std: steps.std,
        labels: labels.names().to_vec(),
    }
}
