//! The network and the weights that a command uses.

use std::path::PathBuf;

use clap::Args;
use sartor::models::escape;
use sartor::models::weights::{LoadOptions, Loaded};
use sartor::models::zoo::{Spec, Variant};
use sartor::{Network, Weights};

use crate::cli::failure::Failure;
use crate::cli::print::note;

/// The weights of `rexnet_digits`, which are built in.
const DIGITS: &[u8] = include_bytes!("../../../examples/digits/rexnet_digits.safetensors");

/// The arguments that name a network.
#[derive(Args)]
pub struct NetworkArgs {
    /// A network of the zoo: family[_VARIANT][_gGROUPS][_xWIDTH][@HxW], see `sartor list`
    #[arg(required = true)]
    network: Option<Spec>,
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

/// The arguments that name a network and its weights.
#[derive(Args)]
pub struct Source {
    #[command(flatten)]
    network: NetworkArgs,
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

impl NetworkArgs {
    pub fn spec(&self) -> Spec {
        let spec = self
            .network
            .clone()
            .expect("clap requires it, unless the command has another argument in its place")
            .with_head(!self.no_head);
        let spec = match self.classes {
            Some(classes) => spec.with_classes(classes),
            None => spec,
        };
        match self.variant {
            Some(variant) => spec.with_variant(variant),
            None => spec,
        }
    }

    pub fn build(&self) -> Result<Network, Failure> {
        let named = self.network.as_ref().and_then(Spec::variant);
        if let (Some(named), Some(asked)) = (named, self.variant.filter(|&asked| Some(asked) != named)) {
            let message = format!("--variant is {asked}, but the network's name has variant {named}");
            return Err(Failure::new(message).help("leave one of them out"));
        }
        Ok(self.spec().build()?)
    }
}

impl Source {
    pub fn spec(&self) -> Spec {
        self.network.spec()
    }

    pub fn allows_non_finite(&self) -> bool {
        self.allow_non_finite
    }

    /// Builds the network and reads its weights, or draws random ones.
    pub fn load(&self) -> Result<(Network, Weights, Origin), Failure> {
        let network = self.network.build()?;
        let options = LoadOptions {
            allow_non_finite: self.allow_non_finite,
            allow_extra: self.network.no_head,
            variant_known: self.spec().variant().is_some(),
        };
        if let Some(path) = &self.weights {
            let Loaded { weights, prefix, .. } = Loaded::load(path, &network, options)?;
            if !prefix.is_empty() {
                note(&format!("all names in '{}' begin with '{prefix}', which is ignored", escape::path(path)));
            }
            return Ok((network, weights, Origin::File));
        }
        if network.name == "rexnet_digits" && self.network.classes.is_none() {
            let weights = Weights::parse(DIGITS, "rexnet_digits.safetensors".as_ref(), &network, options)?;
            return Ok((network, weights, Origin::BuiltIn));
        }
        let weights = Weights::random(&network, self.seed);
        Ok((network, weights, Origin::Random))
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
