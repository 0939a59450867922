//! One layer in one line, in oneDNN's notation: `g1ic64oc384_ih14oh14kh1ph0_iw14ow14kw1pw0_n"features.8.expand"`. The line of an
//! operator other than a convolution begins with the operator's word:
//! `maxpool_ic64_ih14oh7kh3sh2ph1_iw14ow7kw3sw2pw1_n"stage1.pool"`. As in oneDNN, `ph` and `pw` are the zeros above and on the
//! left. How many are below and on the right follows from the result's size. A mean of windows that does not count all of them
//! has those that it counts as `ch` and `che`, `cw` and `cwe`.

use std::fmt;

use sartor_models::escape::word;
use sartor_models::{Activation, Arithmetic, Padding, Reduction, Spread};
use sartor_ops::Winograd;

use super::digits::Digits;
use crate::lower::eltwise;
use crate::lower::softmax::Softmax;

/// A layer's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerLine {
    /// Images.
    pub batch: usize,
    /// What it computes.
    pub operator: Operator,
    /// Rows.
    pub rows: Axis,
    /// Columns.
    pub columns: Axis,
    /// The layer's name.
    pub name: String,
}

/// What a layer computes, and its channels. Fused activations and shortcuts are not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// A convolution or linear layer.
    Conv {
        /// Groups.
        groups: usize,
        /// Input channels.
        ic: usize,
        /// Output channels.
        oc: usize,
    },
    /// An operator that computes each channel by itself, and its channels.
    Each(Each, usize),
}

/// An operator that computes each channel by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// Largest value of a window.
    MaxPool,
    /// Mean of a window, and the zeros that it counts, of the rows and of the columns; all of them if this is `None`.
    AvgPool(Option<(Padding, Padding)>),
    /// The map's pixels reduced to one.
    Reduce(Reduction),
    /// The map enlarged by whole factors.
    Upsample,
    /// Blocks of pixels that were channels. The channels are those of the source.
    DepthToSpace,
    /// Zeros around the map. Those in front are its padding.
    Pad,
    /// The map without its outer rows and columns. Those in front are its padding.
    Crop,
    /// Values moved to other channels, rows and columns. The channels are those of the source.
    Move(Digits),
    /// A map of constants. The channels and the pixels are its own.
    Constant,
    /// Softmax over the channels of each pixel.
    Softmax {
        /// Whether its logarithm is taken.
        log: bool,
    },
    /// Arithmetic on two maps.
    Binary(Arithmetic, Spread),
    /// Tiles of the map, transformed. The pixels of the result are tiles.
    IntoTiles(Winograd),
    /// Tiles of products, transformed to outputs. The channels are those of the outputs.
    FromTiles(Winograd),
    /// Sum of two maps.
    Add,
    /// An elementwise function.
    Activation(Activation),
}

impl Each {
    /// Its word in problem lines.
    pub(crate) fn word(self) -> String {
        match self {
            Each::MaxPool => "maxpool".into(),
            Each::AvgPool(_) => "avgpool".into(),
            Each::Reduce(reduction) => reduction.word().into(),
            Each::Upsample => "upsample".into(),
            Each::DepthToSpace => "depthtospace".into(),
            Each::Pad => "pad".into(),
            Each::Crop => "crop".into(),
            Each::Move(digits) => format!("move{digits}"),
            Each::Constant => "constant".into(),
            Each::Softmax { log } => Softmax::word(log).into(),
            Each::Binary(op, spread) => eltwise::word(op, spread),
            Each::IntoTiles(form) => format!("intotiles{}", form.outputs()),
            Each::FromTiles(form) => format!("fromtiles{}", form.outputs()),
            Each::Add => "add".into(),
            Each::Activation(act) => act.to_string(),
        }
    }

    /// The operator that a word names.
    #[cfg(feature = "interpret")]
    pub(crate) fn of(word: &str) -> Option<Self> {
        let binary = |op| Spread::ALL.map(|spread| Each::Binary(op, spread));
        let softmaxes = [false, true].map(|log| Each::Softmax { log });
        let all = [
            Each::MaxPool,
            Each::AvgPool(None),
            Each::Add,
            Each::Upsample,
            Each::DepthToSpace,
            Each::Pad,
            Each::Crop,
            Each::Constant,
        ];
        all.into_iter()
            .chain(softmaxes)
            .chain(Reduction::ALL.map(Each::Reduce))
            .chain(Arithmetic::ALL.into_iter().flat_map(binary))
            .find(|each| each.word() == word)
            .or_else(|| Activation::parse(word).map(Each::Activation))
            .or_else(|| Digits::parse(word.strip_prefix("move")?).map(Each::Move))
    }
}

/// One axis of the maps and of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Size of the source.
    pub src: usize,
    /// Size of the result.
    pub dst: usize,
    /// Size of the window.
    pub kernel: usize,
    /// Stride of the window.
    pub stride: usize,
    /// Inputs from one tap to the next.
    pub dilation: usize,
    /// Zeros in front. How many are behind follows from `dst`.
    pub padding: usize,
}

impl Axis {
    /// The zeros on both sides. As many are behind as in front, if that gives the result's size; if not, the fewest that give it.
    #[cfg(feature = "interpret")]
    pub(crate) fn padded(self) -> Padding {
        let both = Padding::both(self.padding);
        let window = sartor_ops::Axis { kernel: self.kernel, stride: self.stride, dilation: self.dilation, padding: both };
        let reach = || self.dst.checked_sub(1)?.checked_mul(self.stride)?.checked_add(window.reach()?);
        let (Some(reach), Some(front)) = (reach(), self.padding.checked_add(self.src)) else { return both };
        let unread = front.checked_add(self.padding).and_then(|room| room.checked_sub(reach));
        if unread.is_some_and(|unread| unread < self.stride) {
            both
        } else {
            Padding { after: reach.saturating_sub(front), ..both }
        }
    }
}

impl fmt::Display for LayerLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.images())?;
        if let Operator::Each(each, _) = self.operator {
            write!(f, "{}_", each.word())?;
        }
        write!(f, "{}_n\"{}\"", self.sizes(), word(&self.name))
    }
}

impl LayerLine {
    /// The line without the name, and without the word of an operator that is no convolution.
    pub fn geometry(&self) -> String {
        self.images() + &self.sizes()
    }

    fn images(&self) -> String {
        if self.batch == 1 { String::new() } else { format!("mb{}_", self.batch) }
    }

    fn sizes(&self) -> String {
        let channels = match self.operator {
            Operator::Conv { groups, ic, oc } => format!("g{groups}ic{ic}oc{oc}"),
            Operator::Each(_, c) => format!("ic{c}"),
        };
        let counted = match self.operator {
            Operator::Each(Each::AvgPool(Some((rows, columns))), _) => (Some(rows), Some(columns)),
            _ => (None, None),
        };
        let axis = |x: char, axis: Axis, counted: Option<Padding>| {
            let stride = if axis.stride == 1 { String::new() } else { format!("s{x}{}", axis.stride) };
            let dilation = if axis.dilation == 1 { String::new() } else { format!("d{x}{}", axis.dilation - 1) };
            let counted = counted.map_or(String::new(), |Padding { before, after }| format!("c{x}{before}c{x}e{after}"));
            format!("_i{x}{}o{x}{}k{x}{}{stride}{dilation}p{x}{}{counted}", axis.src, axis.dst, axis.kernel, axis.padding)
        };
        channels + &axis('h', self.rows, counted.0) + &axis('w', self.columns, counted.1)
    }
}
