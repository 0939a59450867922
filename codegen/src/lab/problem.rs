//! A problem, and how it is printed and read as a line.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sartor_kernels::runtime::Level;
use sartor_models::{Network, Shape, Weights};
use sartor_ops::Winograd;

use super::data::Data;
use super::scan::{LineError, Part};
use super::{network, tuning};
use crate::network::layers::{Layers, Normalized};
use crate::network::line::LayerLine;
use crate::network::normalize::{NormalizeError, normalize};
use crate::network::winograd::winograd;
use crate::schedule::Options;

/// A network and everything that its result depends on.
#[derive(Clone, PartialEq)]
pub struct Problem {
    /// The network. The names of its nodes are not printed: the first after the input is `n1`.
    pub network: Network,
    /// The level; `None` for all.
    pub level: Option<Level>,
    /// Images of an inference.
    pub batch: usize,
    /// Threads.
    pub threads: usize,
    /// How many bytes of second-level cache a core has.
    pub l2: usize,
    /// Whether layers may share a stage.
    pub fuse: bool,
    /// The tiles of Winograd convolutions; `None` keeps all convolutions direct.
    pub winograd: Option<Winograd>,
    /// Seed of a drawn tuning; 0 leaves stages, strips and tiles to the cost model.
    pub tune: u64,
    /// Seed of the weights and images.
    pub seed: u64,
    /// What kind of numbers they are.
    pub data: Data,
}

/// The largest number of threads of a problem.
const MOST_THREADS: usize = 64;

impl Problem {
    /// The usual problem of a network: one image, one thread, real numbers.
    pub fn new(network: Network) -> Self {
        let Options { batch, l2, fuse, .. } = Options::new(Level::Portable);
        Self { network, level: None, batch, threads: 1, l2, fuse, winograd: None, tune: 0, seed: 0, data: Data::Reals }
    }

    /// Its network's layers as they are planned, with these weights.
    ///
    /// # Errors
    /// As [`normalize`].
    pub fn layers(&self, weights: &Weights) -> Result<Normalized, NormalizeError> {
        let layers = normalize(&self.network, weights)?;
        Ok(match self.winograd {
            // However few channels there are.
            Some(form) => winograd(&layers, form, |_| true),
            None => layers,
        })
    }

    /// The options with which its layers are planned for a level.
    pub fn options(&self, layers: &Layers, level: Level) -> Options {
        let usual = Options::new(level).shared_by(self.threads);
        let options = Options { batch: self.batch, l2: self.l2, fuse: self.fuse, ..usual };
        if self.tune == 0 {
            return options;
        }
        let tuning = Arc::new(tuning::drawn(layers, &options, self.tune));
        Options { tuning, ..options }
    }

    /// The number of multiply-accumulates plus the number of values in all maps, for the whole batch. It is [`u64::MAX`] if it
    /// does not fit.
    pub fn work(&self) -> u64 {
        let nodes = self.network.nodes().iter().enumerate();
        let one = |(id, node): (usize, &sartor_models::Node)| {
            self.network.macs_of(sartor_models::NodeId(id)).checked_add(node.shape.len() as u64)
        };
        let image = nodes.map(one).try_fold(0u64, |sum, work| sum.checked_add(work?));
        image.and_then(|image| image.checked_mul(self.batch as u64)).unwrap_or(u64::MAX)
    }

    fn option(&mut self, name: Part<'_>, value: Part<'_>) -> Result<(), LineError> {
        match name.text {
            "level" => self.level = Some(value.text.parse().map_err(|error| value.fault(error))?),
            "threads" => match value.number()? {
                threads @ 1..=MOST_THREADS => self.threads = threads,
                _ => return Err(value.fault(format_args!("use 1 to {MOST_THREADS} threads"))),
            },
            "l2" => self.l2 = value.number()?,
            "fuse" => match value.text {
                "on" => self.fuse = true,
                "off" => self.fuse = false,
                _ => return Err(value.fault("write on or off")),
            },
            "winograd" => {
                let form = Winograd::ALL.into_iter().find(|form| form.outputs().to_string() == value.text);
                self.winograd = Some(form.ok_or_else(|| value.fault("write 2 or 4"))?);
            }
            "tune" => self.tune = value.number()?,
            "seed" => self.seed = value.number()?,
            "data" => self.data = Data::of(value.text).ok_or_else(|| value.fault("write reals or integers"))?,
            _ => return Err(name.fault("there is no such option: use level, threads, l2, fuse, winograd, tune, seed or data")),
        }
        Ok(())
    }
}

/// Prints one line, without options that have their usual value.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(level) = self.level {
            write!(f, "level={level} ")?;
        }
        let usual = Options::new(Level::Portable);
        if self.threads != 1 {
            write!(f, "threads={} ", self.threads)?;
        }
        if self.l2 != usual.l2 {
            write!(f, "l2={} ", self.l2)?;
        }
        if self.fuse != usual.fuse {
            write!(f, "fuse={} ", if self.fuse { "on" } else { "off" })?;
        }
        if let Some(form) = self.winograd {
            write!(f, "winograd={} ", form.outputs())?;
        }
        if self.tune != 0 {
            write!(f, "tune={} ", self.tune)?;
        }
        if self.seed != 0 {
            write!(f, "seed={} ", self.seed)?;
        }
        if self.data != Data::Reals {
            write!(f, "data={} ", self.data.word())?;
        }
        if self.batch != 1 {
            write!(f, "mb{}", self.batch)?;
        }
        let Shape { c, h, w } = self.network.input_shape();
        write!(f, "ic{c}ih{h}iw{w}{}", network::print(&self.network))
    }
}

/// Prints the same line, so that a failing test shows the line to replay.
impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Problem {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        let whole = Part { at: 0, text: line };
        let mut words = whole.split(' ').filter(|word| !word.text.is_empty()).peekable();
        // The network comes after the options.
        let mut options = Vec::new();
        while let Some(option) = words.next_if(|word| !word.text.contains('"') && word.text.contains('=')) {
            options.extend(option.split_once("="));
        }
        let end = LineError { at: line.len(), what: "there is no network: write its input, as ic3ih9iw9, and its nodes".into() };
        let first = words.next().ok_or(end)?;
        let (network, batch) = if first.text.contains('_') {
            let layer_line = Part { at: first.at, text: line[first.at..].trim_end_matches(' ') };
            let layer = LayerLine::parse(layer_line)?;
            (layer.network(layer_line)?, layer.batch)
        } else {
            let sizes = first.sizes(&["mb", "ic", "ih", "iw"])?;
            let shape = Shape::new(sizes.need("ic")?, sizes.need("ih")?, sizes.need("iw")?);
            (network::parse(first, shape, words)?, sizes.or("mb", 1))
        };
        if batch == 0 {
            return Err(first.fault("a batch has at least 1 image"));
        }
        let mut problem = Problem { batch, ..Problem::new(network) };
        let mut given: Vec<&str> = Vec::new();
        for (name, value) in options {
            if given.contains(&name.text) {
                return Err(name.fault("this option is given twice"));
            }
            given.push(name.text);
            problem.option(name, value)?;
        }
        Ok(problem)
    }
}
