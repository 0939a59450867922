//! The network and the weights that a command uses.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use sartor::data::image::{Pictures, Preprocess};
use sartor::data::labels::Labels;
use sartor::models::escape;
use sartor::models::import::{self, ImportOptions, Imported, Interface, Trace};
use sartor::models::input::{Formed, InputForm};
use sartor::models::weights::{LoadOptions, Loaded};
use sartor::models::zoo::{Spec, Variant};
use sartor::{Network, Weights};

use crate::cli::args::input::InputArgs;
use crate::cli::args::preprocess::{PreprocessArgs, unknown};
use crate::cli::failure::Failure;
use crate::cli::print::note;

/// The weights of `rexnet_digits`, which are built in.
const DIGITS: &[u8] = include_bytes!("../../../examples/digits/rexnet_digits.safetensors");

/// The arguments that name a network.
#[derive(Args)]
pub struct NetworkArgs {
    /// An ONNX file, or a network of the zoo: family[_VARIANT][_gGROUPS][_xWIDTH][@HxW], see `sartor list`
    #[arg(required = true, value_name = "NETWORK|FILE.onnx")]
    network: Option<Named>,
    /// The dimensions of an ONNX file's input, instead of those that the file declares: for example x=1,3,320,320
    #[arg(long, value_name = "NAME=N,C,H,W")]
    input_shape: Vec<String>,
    /// Whose definition of efficientnet to use: torch (torchvision's, the default) or tf (timm's tf_efficientnet, with SAME
    /// padding and a batch norm eps of 1e-3). The weights of one can be loaded into the other without an error, but give wrong
    /// answers
    #[arg(long, value_name = "torch|tf")]
    variant: Option<Variant>,
    /// The number of classes, which are the outputs of the classifier
    #[arg(long, value_name = "N")]
    classes: Option<usize>,
    /// Leave out the classifier and return the maps of strides 4, 8, 16 and 32. The classifier's weights in a file are ignored
    #[arg(long, conflicts_with = "classes")]
    no_head: bool,
}

/// A network of the zoo, or a file.
#[derive(Clone, Debug)]
pub enum Named {
    Zoo(Spec),
    File(PathBuf),
}

impl FromStr for Named {
    type Err = sartor::models::zoo::ZooError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_file = text.len() > 5 && text.to_ascii_lowercase().ends_with(".onnx");
        if is_file { Ok(Self::File(text.into())) } else { text.parse().map(Self::Zoo) }
    }
}

/// The arguments that name a network and its weights.
#[derive(Args)]
pub struct Source {
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    preprocess: PreprocessArgs,
    #[command(flatten)]
    input: InputArgs,
    /// A state dict. Without it, weights are random; those of rexnet_digits are built in
    #[arg(long, value_name = "F.safetensors")]
    weights: Option<PathBuf>,
    /// Accept weights and answers that are NaN or infinite, and weights that become so when batch norms are folded
    #[arg(long)]
    allow_non_finite: bool,
    /// The seed of random weights
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "weights")]
    seed: u64,
}

/// Where the weights come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    File,
    BuiltIn,
    Random,
}

/// A network with its weights.
pub struct Sourced {
    pub network: Network,
    pub weights: Weights,
    pub origin: Origin,
    /// The inputs and outputs of the file that it was read from, if it was.
    pub interface: Option<Interface>,
    /// What became of that file's nodes.
    pub trace: Option<Trace>,
    /// How pictures become the input; `None` if nothing says so.
    pub pictures: Option<Pictures>,
    /// The form in which the network takes its input.
    pub form: InputForm,
}

impl NetworkArgs {
    fn named(&self) -> &Named {
        self.network.as_ref().expect("clap requires it, unless the command has another argument in its place")
    }

    /// The specification; `None` for a file.
    pub fn spec(&self) -> Option<Spec> {
        let Named::Zoo(spec) = self.named() else { return None };
        let spec = spec.clone().with_head(!self.no_head);
        let spec = match self.classes {
            Some(classes) => spec.with_classes(classes),
            None => spec,
        };
        Some(match self.variant {
            Some(variant) => spec.with_variant(variant),
            None => spec,
        })
    }

    fn build(&self, spec: &Spec) -> Result<Network, Failure> {
        if !self.input_shape.is_empty() {
            return Err(Failure::new("--input-shape is for ONNX files").help("name the resolution: NETWORK@HxW"));
        }
        let named = if let Named::Zoo(named) = self.named() { named.variant() } else { None };
        if let (Some(named), Some(asked)) = (named, self.variant.filter(|&asked| Some(asked) != named)) {
            let message = format!("--variant is {asked}, but the network's name has variant {named}");
            return Err(Failure::new(message).help("leave one of them out"));
        }
        Ok(spec.build()?)
    }

    /// Imports a file.
    fn import(&self, path: &std::path::Path, random_weights: Option<u64>) -> Result<Imported, Failure> {
        let zoo = [("--variant", self.variant.is_some()), ("--classes", self.classes.is_some()), ("--no-head", self.no_head)];
        if let Some((option, _)) = zoo.iter().find(|(_, given)| *given) {
            return Err(Failure::new(format!("{option} is for networks of the zoo")).help("leave it out for an ONNX file"));
        }
        let options = ImportOptions { random_weights, ..ImportOptions::default() };
        let options = self.input_shape.iter().try_fold(options, |options, text| options.with_input_shape(text));
        Ok(import::onnx(path, &options.map_err(Failure::new)?)?)
    }
}

impl Source {
    /// The specification; `None` for a file.
    pub fn spec(&self) -> Option<Spec> {
        self.network.spec()
    }

    pub fn allows_non_finite(&self) -> bool {
        self.allow_non_finite
    }

    /// Builds the network and reads its weights, or draws random ones for a network of the zoo.
    pub fn load(&self) -> Result<Sourced, Failure> {
        self.formed(false)
    }

    /// The same for commands whose results do not depend on the weights: those that a file lacks are drawn too.
    pub fn load_or_draw(&self) -> Result<Sourced, Failure> {
        self.formed(true)
    }

    /// What preparing pictures needs; an error if nothing says how.
    pub fn prepared(&self, sourced: &Sourced) -> Result<Pictures, Failure> {
        sourced.pictures.clone().ok_or_else(unknown)
    }

    /// The names of the classes.
    pub fn labels(&self) -> Result<Labels, Failure> {
        self.preprocess.labels()
    }

    /// Loads the network and gives its input the form that was asked for.
    fn formed(&self, draws: bool) -> Result<Sourced, Failure> {
        let sourced = self.sourced(draws)?;
        let pictures = self.preprocess.pictures(self.spec().as_ref(), &sourced.network)?;
        let form = self.input.form(pictures.as_ref());
        if let Some(inputs) = sourced.interface.as_ref().map(|interface| interface.inputs.len()).filter(|&inputs| inputs > 1)
            && pictures.is_some()
        {
            let message = format!("the network has {inputs} inputs, and pictures are for networks of one");
            return Err(Failure::new(message).help("prepare its inputs yourself, and give each by --input NAME=F.npy"));
        }
        let pixels = self.input.takes_pixels();
        let pictures = pictures.map(|of| Pictures { steps: Preprocess { pixels, ..of.steps }, ..of });
        if form == InputForm::default() {
            return Ok(Sourced { pictures, ..sourced });
        }
        let Sourced { network, weights, origin, interface, trace, .. } = sourced;
        Ok(match (interface, trace) {
            (Some(interface), Some(trace)) => {
                let imported = Imported { network, weights, interface, random: origin == Origin::Random, trace };
                let Imported { network, weights, interface, trace, .. } = imported.with_input(&form)?;
                Sourced { network, weights, origin, interface: Some(interface), trace: Some(trace), pictures, form }
            }
            _ => {
                let Formed { network, weights, .. } = form.of(&network, &weights)?;
                Sourced { network, weights, origin, interface: None, trace: None, pictures, form }
            }
        })
    }

    fn sourced(&self, draws: bool) -> Result<Sourced, Failure> {
        let Some(spec) = self.spec() else {
            return match self.network.named() {
                Named::File(path) => self.imported(path, draws),
                Named::Zoo(_) => unreachable!("a network of the zoo has a specification"),
            };
        };
        let network = self.network.build(&spec)?;
        let options = LoadOptions {
            allow_non_finite: self.allow_non_finite,
            allow_extra: self.network.no_head,
            variant_known: spec.variant().is_some(),
        };
        let (weights, origin) = if let Some(path) = &self.weights {
            let Loaded { weights, prefix, .. } = Loaded::load(path, &network, options)?;
            if !prefix.is_empty() {
                note(&format!("all names in '{}' begin with '{prefix}', which is ignored", escape::path(path)));
            }
            (weights, Origin::File)
        } else if network.name == "rexnet_digits" && self.network.classes.is_none() {
            (Weights::parse(DIGITS, "rexnet_digits.safetensors".as_ref(), &network, options)?, Origin::BuiltIn)
        } else {
            (Weights::random(&network, self.seed), Origin::Random)
        };
        Ok(Sourced { network, weights, origin, interface: None, trace: None, pictures: None, form: InputForm::default() })
    }

    fn imported(&self, path: &std::path::Path, draws: bool) -> Result<Sourced, Failure> {
        if self.weights.is_some() {
            return Err(Failure::new("--weights is for networks of the zoo").help("an ONNX file has its own weights"));
        }
        let Imported { network, weights, interface, random, trace } = self.network.import(path, draws.then_some(self.seed))?;
        if random {
            note(&format!("weights of '{}' are missing; all weights are drawn at random", escape::path(path)));
        }
        let weights = if self.allow_non_finite { weights.with_non_finite_allowed() } else { weights };
        let origin = if random { Origin::Random } else { Origin::File };
        Ok(Sourced {
            network,
            weights,
            origin,
            interface: Some(interface),
            trace: Some(trace),
            pictures: None,
            form: InputForm::default(),
        })
    }
}

impl Origin {
    pub fn name(self) -> &'static str {
        match self {
            Origin::File => "file",
            Origin::BuiltIn => "built in",
            Origin::Random => "random",
        }
    }
}
