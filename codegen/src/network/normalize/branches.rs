//! Convolutions of one map whose results are added: they are one convolution, with the sums of their weights.
//!
//! Networks that are trained with branches end in this form: RepVGG (Ding et al. 2021, section 3.3), MobileOne (Vasu et al. 2022, section
//! 3.2). A batch norm and the map itself are branches too: depthwise convolutions with one tap.

use std::ops::Range;

use sartor_models::{Conv2d, Network, NodeId, Op, Weights, Window};
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
    affine: Affine,
}

impl Branches {
    /// A convolution alone.
    pub(super) fn one(node: NodeId, conv: Conv2d, affine: Affine) -> Self {
        Self { branches: vec![Branch { node: Some(node), conv, affine }] }
    }

    /// A map of `c` channels itself.
    pub(super) fn identity(c: usize) -> Self {
        let conv = Conv2d { oc: c, groups: c, bias: false, window: Window::POINT };
        Self { branches: vec![Branch { node: None, conv, affine: Affine::identity(c) }] }
    }

    /// Whether the convolution has no other branch.
    pub(super) fn is_one(&self) -> bool {
        self.branches.len() == 1
    }

    /// The whole convolution.
    pub(super) fn conv(&self) -> Conv2d {
        self.branches[0].conv
    }

    /// Whether `other` can be added to this one: its taps are some of this one's, and their products are no more than before.
    pub(super) fn take(&self, other: &Self) -> bool {
        let (whole, part) = (self.conv(), other.conv());
        let ((rows, columns), (part_rows, part_columns)) = (whole.window.axes(), part.window.axes());
        let fits = taps(rows, part_rows).is_some() && taps(columns, part_columns).is_some();
        fits && whole.oc == part.oc && part.groups.is_multiple_of(whole.groups)
    }

    /// Adds `other` to this one, times `sign`, if [`take`](Self::take) allows it.
    pub(super) fn add(&mut self, other: Self, sign: f64) {
        self.branches.extend(other.branches.into_iter().map(|mut branch| {
            branch.affine.scale_by(sign);
            branch
        }));
    }

    /// Multiplies what the convolution computes by `sign`.
    pub(super) fn scale_by(&mut self, sign: f64) {
        self.branches.iter_mut().for_each(|branch| branch.affine.scale_by(sign));
    }

    /// Appends a batch norm.
    pub(super) fn batch_norm(&mut self, network: &Network, weights: &Weights, id: NodeId, eps: f64) {
        let (first, others) = self.branches.split_first_mut().expect("a convolution has a branch");
        first.affine.batch_norm(network, weights, id, eps);
        others.iter_mut().for_each(|branch| branch.affine.batch_norm_of_part(network, weights, id, eps));
    }

    /// A bound of the weights and biases of the sum of all branches. If it is more than f32 holds, or is none, the sum may be, though no
    /// branch is.
    pub(super) fn largest(&self, network: &Network, weights: &Weights) -> f64 {
        let largest = |branch: &Branch| branch.affine.largest(branch.weights(network, weights));
        self.branches.iter().map(largest).sum()
    }

    /// The weights `[oc, ic / groups, kh, kw]` and the bias. All values are multiplied by `factor`, rounded once, and made zero if they are
    /// denormal. They are finite, as has been checked, unless the weights allow others.
    pub(super) fn fold(&self, network: &Network, weights: &Weights, ic: usize, factor: f64) -> Filter {
        if let [Branch { node: Some(_), affine, .. }] = &self.branches[..] {
            return affine.fold(self.branches[0].weights(network, weights), factor);
        }
        let whole = self.conv();
        let (inputs, taps) = (ic / whole.groups, whole.window.taps());
        let (mut sums, mut bias) = (vec![0.0; whole.oc * inputs * taps], vec![0.0; whole.oc]);
        for branch in &self.branches {
            branch.add_to(&mut sums, &whole, ic, branch.weights(network, weights));
            bias.iter_mut().zip(branch.affine.shift()).for_each(|(sum, shift)| *sum += shift);
        }
        filter(sums, bias, factor)
    }
}

impl Branch {
    fn weights<'a>(&self, network: &Network, weights: &'a Weights) -> Option<&'a [f32]> {
        let node = self.node.filter(|&node| !matches!(network.node(node).op, Op::BatchNorm { .. }))?;
        Some(data(network, weights, node, "weight"))
    }

    /// Adds the weights to `sums`, which are those of the convolution `whole` of `ic` channels.
    fn add_to(&self, sums: &mut [f64], whole: &Conv2d, ic: usize, weights: Option<&[f32]>) {
        let ((rows, columns), (own_rows, own_columns)) = (whole.window.axes(), self.conv.window.axes());
        let fits = "`take` has seen that its taps are some of the whole's";
        let (down, across) = (taps(rows, own_rows).expect(fits), taps(columns, own_columns).expect(fits));
        let (inputs, own_inputs) = (ic / whole.groups, ic / self.conv.groups);
        for o in 0..whole.oc {
            // The first channel that the branch reads, within those that the whole convolution reads.
            let first = o / (whole.oc / self.conv.groups) * own_inputs - o / (whole.oc / whole.groups) * inputs;
            for i in 0..own_inputs {
                for (y, to_y) in down.clone().enumerate() {
                    for (x, to_x) in across.clone().enumerate() {
                        let from = ((o * own_inputs + i) * own_rows.kernel + y) * own_columns.kernel + x;
                        let to = ((o * inputs + first + i) * rows.kernel + to_y) * columns.kernel + to_x;
                        sums[to] += self.affine.scale(o) * weights.map_or(1.0, |weights| f64::from(weights[from]));
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
