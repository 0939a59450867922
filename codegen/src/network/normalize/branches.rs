//! What becomes one convolution: batch norms in front of it and behind it, and convolutions of the same map whose results are added.
//!
//! Networks that are trained with branches end in sums of convolutions: RepVGG (Ding et al. 2021, section 3.3), MobileOne (Vasu et al. 2022,
//! section 3.2). A batch norm and the map itself are branches too: depthwise convolutions with one tap.

use std::ops::Range;

use sartor_models::{Conv2d, Network, NodeId, Op, Padding, Weights, Window};
use sartor_ops::Axis;

use super::fold::{Affine, data, filter};
use crate::network::layers::Filter;

/// The branches of a convolution; most have one.
#[derive(Clone)]
pub(super) struct Branches {
    /// The first is the whole convolution's: its window covers those of the others, and its groups contain theirs.
    branches: Vec<Branch>,
}

/// One of the convolutions that are added.
#[derive(Clone)]
struct Branch {
    /// The node that has the weights. Without one, or if it is a batch norm, they are ones.
    node: Option<NodeId>,
    conv: Conv2d,
    /// What is done to the channels that it reads.
    before: Option<Affine>,
    /// What is done to its sums.
    after: Affine,
}

impl Branches {
    /// A convolution alone.
    pub(super) fn one(node: NodeId, conv: Conv2d, after: Affine) -> Self {
        Self { branches: vec![Branch { node: Some(node), conv, before: None, after }] }
    }

    /// A map of `c` channels itself.
    pub(super) fn identity(c: usize) -> Self {
        let conv = Conv2d { oc: c, groups: c, bias: false, window: Window::POINT };
        Self { branches: vec![Branch { node: None, conv, before: None, after: Affine::identity(c) }] }
    }

    /// Whether the convolution has no other branch.
    pub(super) fn is_one(&self) -> bool {
        self.branches.len() == 1
    }

    /// The whole convolution.
    pub(super) fn conv(&self) -> Conv2d {
        self.branches[0].conv
    }

    /// What is done to each channel, if that is all, as a batch norm does it.
    fn norm(&self, network: &Network) -> Option<&Affine> {
        let [Branch { node: Some(node), before: None, after, .. }] = &self.branches[..] else { return None };
        matches!(network.node(*node).op, Op::BatchNorm { .. }).then_some(after)
    }

    /// This convolution, of what `norm` makes of a map. `None` if `norm` is more than a batch norm, or if it moves the zeros of the padding.
    pub(super) fn behind(&self, norm: &Self, network: &Network) -> Option<Self> {
        let norm = norm.norm(network)?;
        let [branch] = &self.branches[..] else { return None };
        let keeps_padding = branch.conv.window.padding == Padding::NONE || norm.shift().iter().all(|&shift| shift == 0.0);
        let behind = Branch { before: Some(norm.clone()), ..branch.clone() };
        (keeps_padding && branch.before.is_none()).then_some(Self { branches: vec![behind] })
    }

    /// Whether `other` can be added to this one: its taps are some of this one's, and their products are no more than before.
    pub(super) fn take(&self, other: &Self) -> bool {
        let (whole, part) = (self.conv(), other.conv());
        let ((rows, columns), (part_rows, part_columns)) = (whole.window.axes(), part.window.axes());
        let fits = taps(rows, part_rows).is_some() && taps(columns, part_columns).is_some();
        fits && whole.oc == part.oc && part.groups.is_multiple_of(whole.groups)
    }

    /// Adds `other` to this one, times `sign`, if [`take`](Self::take) allows it.
    pub(super) fn add(&mut self, mut other: Self, sign: f64) {
        other.scale_by(sign);
        self.branches.extend(other.branches);
    }

    /// Multiplies what the convolution computes by `sign`.
    pub(super) fn scale_by(&mut self, sign: f64) {
        self.branches.iter_mut().for_each(|branch| branch.after.scale_by(sign));
    }

    /// Appends a batch norm.
    pub(super) fn batch_norm(&mut self, network: &Network, weights: &Weights, id: NodeId, eps: f64) {
        let (first, others) = self.branches.split_first_mut().expect("a convolution has a branch");
        first.after.batch_norm(network, weights, id, eps);
        others.iter_mut().for_each(|branch| branch.after.batch_norm_of_part(network, weights, id, eps));
    }

    /// A bound of the weights and biases of the sum of all branches. If it is more than f32 holds, or is none, the sum may be, though no
    /// branch is.
    pub(super) fn largest(&self, network: &Network, weights: &Weights) -> f64 {
        let largest = |branch: &Branch| {
            let values = branch.weights(network, weights).chain(branch.bias(network, weights));
            values.map(f64::abs).fold(0.0, |most, x| if most >= x { most } else { x })
        };
        self.branches.iter().map(largest).sum()
    }

    /// The weights `[oc, ic / groups, kh, kw]` and the bias. All values are multiplied by `factor`, rounded once, and made zero if they are
    /// denormal. They are finite, as has been checked, unless the weights allow others.
    pub(super) fn fold(&self, network: &Network, weights: &Weights, factor: f64) -> Filter {
        let (first, others) = self.branches.split_first().expect("a convolution has a branch");
        let mut bias = first.bias(network, weights);
        if others.is_empty() {
            return filter(first.weights(network, weights), bias, factor);
        }
        let mut sums: Vec<f64> = first.weights(network, weights).collect();
        for branch in others {
            branch.add_to(&mut sums, &first.conv, &branch.weights(network, weights).collect::<Vec<f64>>());
            bias.iter_mut().zip(branch.bias(network, weights)).for_each(|(sum, bias)| *sum += bias);
        }
        filter(sums, bias, factor)
    }
}

impl Branch {
    /// The weights `[oc, ic / groups, kh, kw]` as they are given; none if they are ones.
    fn given<'a>(&self, network: &Network, weights: &'a Weights) -> Option<&'a [f32]> {
        let node = self.node.filter(|&node| !matches!(network.node(node).op, Op::BatchNorm { .. }))?;
        Some(data(network, weights, node, "weight"))
    }

    /// Each of the weights that are given, with its output channel and the channel that it meets.
    fn each<'a>(&self, network: &Network, weights: &'a Weights) -> impl Iterator<Item = (f64, usize, usize)> + use<'a> {
        let (Conv2d { oc, groups, window, .. }, given) = (self.conv, self.given(network, weights));
        let len = given.map_or(oc, <[f32]>::len);
        let (row, taps) = (len / oc, window.taps());
        (0..len).map(move |i| {
            let o = i / row;
            let channel = o / (oc / groups) * (row / taps) + i % row / taps;
            (given.map_or(1.0, |given| f64::from(given[i])), o, channel)
        })
    }

    /// The weights with what is done before and after.
    fn weights<'a>(&'a self, network: &Network, weights: &'a Weights) -> impl Iterator<Item = f64> + use<'a> {
        self.each(network, weights).map(|(w, o, channel)| {
            let w = self.before.as_ref().map_or(w, |before| w * before.scale(channel));
            w * self.after.scale(o)
        })
    }

    /// The bias with what is done before and after.
    fn bias(&self, network: &Network, weights: &Weights) -> Vec<f64> {
        let mut bias = self.after.shift().to_vec();
        if let Some(before) = &self.before {
            for (w, o, channel) in self.each(network, weights) {
                bias[o] += w * before.shift()[channel] * self.after.scale(o);
            }
        }
        bias
    }

    /// Adds its weights to `sums`, which are those of the convolution `whole`.
    fn add_to(&self, sums: &mut [f64], whole: &Conv2d, weights: &[f64]) {
        let ((rows, columns), (own_rows, own_columns)) = (whole.window.axes(), self.conv.window.axes());
        let fits = "`take` has seen that its taps are some of the whole's";
        let (down, across) = (taps(rows, own_rows).expect(fits), taps(columns, own_columns).expect(fits));
        let inputs = sums.len() / whole.oc / whole.window.taps();
        let own_inputs = weights.len() / whole.oc / self.conv.window.taps();
        for o in 0..whole.oc {
            // The first channel that the branch reads, within those that the whole convolution reads.
            let first = o / (whole.oc / self.conv.groups) * own_inputs - o / (whole.oc / whole.groups) * inputs;
            for i in 0..own_inputs {
                for (y, to_y) in down.clone().enumerate() {
                    for (x, to_x) in across.clone().enumerate() {
                        let from = ((o * own_inputs + i) * own_rows.kernel + y) * own_columns.kernel + x;
                        let to = ((o * inputs + first + i) * rows.kernel + to_y) * columns.kernel + to_x;
                        sums[to] += weights[from];
                    }
                }
            }
        }
    }
}

/// Which taps of `whole` are those of `part`, so that both give the same outputs.
fn taps(whole: Axis, part: Axis) -> Option<Range<usize>> {
    let between = whole.padding.before.checked_sub(part.padding.before)?;
    let (first, same) = (between / whole.dilation, part.dilation == whole.dilation || part.kernel == 1);
    let fits =
        same && part.stride == whole.stride && between.is_multiple_of(whole.dilation) && first + part.kernel <= whole.kernel;
    fits.then_some(first..first + part.kernel)
}
