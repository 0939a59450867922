//! The form in which a network takes its input: the order of its channels and dimensions, and values of pixels instead of normalised ones.
//!
//! Each of these is a step at the head of the network, so that every engine does the same.

use std::collections::BTreeMap;

use crate::graph::{Builder, Conv2d, GraphError, Network, NodeId, Op, Padding, Shape, Window};
use crate::weights::{Tensor, Weights};

/// The order of the channels of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChannelOrder {
    /// Red, green, blue: that of the network itself.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// The order of dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Images, channels, rows, columns: that of networks.
    #[default]
    Nchw,
    /// Images, rows, columns, channels: that of pictures.
    Nhwc,
}

/// Type of the input's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Elements {
    /// f32.
    #[default]
    F32,
    /// Bytes, which count as numbers from 0 to 255.
    U8,
}

/// What pixels become before the network sees them: `(x / 255 - mean) / std`, for each channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// The mean of the red, green and blue channels, for values in `0..=1`.
    pub mean: [f32; 3],
    /// Their standard deviation; positive.
    pub std: [f32; 3],
}

/// The form of an input. The default is the network's own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InputForm {
    /// The order of channels.
    pub order: ChannelOrder,
    /// The order of dimensions.
    pub layout: Layout,
    /// The type of values. The network itself computes with f32: whoever runs it converts them.
    pub elements: Elements,
    /// Whether the input is pixels of 0 to 255, which the network normalises first.
    pub normalisation: Option<Normalisation>,
}

/// A network in another form.
#[derive(Clone, Debug)]
pub struct Formed {
    /// The network. Its first nodes make of the input what the network took before.
    pub network: Network,
    /// Its weights.
    pub weights: Weights,
    /// What each node of the network before has become. The input has become the last of the first nodes.
    pub became: Vec<NodeId>,
}

impl ChannelOrder {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rgb => "rgb",
            Self::Bgr => "bgr",
        }
    }
}

impl Layout {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nchw => "nchw",
            Self::Nhwc => "nhwc",
        }
    }
}

impl Elements {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::U8 => "u8",
        }
    }
}

impl InputForm {
    /// The input's values, of the planes of a picture's red, green and blue.
    pub fn arranged(&self, planes: Vec<f32>) -> Vec<f32> {
        let pixels = planes.len() / 3;
        let plane = |channel: usize| if self.order == ChannelOrder::Bgr { 2 - channel } else { channel };
        match (self.layout, self.order) {
            (Layout::Nchw, ChannelOrder::Rgb) => planes,
            (Layout::Nchw, ChannelOrder::Bgr) => {
                (0..3).flat_map(|channel| &planes[plane(channel) * pixels..][..pixels]).copied().collect()
            }
            (Layout::Nhwc, _) => (0..3 * pixels).map(|i| planes[plane(i % 3) * pixels + i / 3]).collect(),
        }
    }

    /// The network that takes its input in this form.
    ///
    /// Channels are put in order by the first convolutions' weights where only these read the input, and so are means and deviations, if
    /// none of these convolutions has padding: what lies beyond the border is zero only after they are done. Otherwise both are a step
    /// of their own.
    ///
    /// # Errors
    /// If the order of channels or the normalisation is given and the input has not three channels, or a deviation is not positive.
    pub fn of(&self, network: &Network, weights: &Weights) -> Result<Formed, GraphError> {
        let input = network.input_shape();
        let channelled = self.order != ChannelOrder::Rgb || self.normalisation.is_some();
        if channelled && input.c != 3 {
            return Err(fault("channels", input.c, "the order and the normalisation of pixels are for inputs of 3 channels"));
        }
        if let Some(Normalisation { mean, std }) = self.normalisation
            && !(mean.iter().all(|mean| mean.is_finite()) && std.iter().all(|std| std.is_finite() && *std > 0.0))
        {
            return Err(fault("mean and std", format!("{mean:?} and {std:?}"), "they must be finite, and std positive"));
        }
        let mut head = Head::new(network, weights, self.layout)?;
        if channelled {
            // Channel `c` of the network is `scale * x[from] + shift`.
            let from = |c: usize| if self.order == ChannelOrder::Bgr { 2 - c } else { c };
            let affine = |c: usize| match self.normalisation {
                None => (1.0, 0.0),
                Some(Normalisation { mean, std }) => {
                    let (mean, std) = (f64::from(mean[c]), f64::from(std[c]));
                    (1.0 / (255.0 * std), -mean / std)
                }
            };
            let convs = first_convolutions(network);
            let padded =
                |id: &NodeId| !matches!(network.node(*id).op, Op::Conv2d(conv) if conv.window.padding == Padding::around(0));
            let exact = |convs: &Vec<NodeId>| self.normalisation.is_none() || !convs.iter().any(padded);
            match convs.filter(exact) {
                Some(convs) => convs.into_iter().for_each(|conv| head.fold(conv, &from, &affine)),
                None => head.step(&from, &affine)?,
            }
        }
        head.finish()
    }
}

/// The readers of the input, if they are convolutions of one group.
fn first_convolutions(network: &Network) -> Option<Vec<NodeId>> {
    let readers: Vec<NodeId> = network.ids().filter(|id| network.node(*id).inputs.contains(&NodeId(0))).collect();
    let is_conv = |id: &NodeId| matches!(network.node(*id).op, Op::Conv2d(conv) if conv.groups == 1);
    (readers.iter().all(is_conv) && !network.outputs().contains(&NodeId(0))).then_some(readers)
}

fn fault(attribute: &str, value: impl std::fmt::Display, help: &str) -> GraphError {
    GraphError { node: "input".into(), attribute: attribute.into(), value: value.to_string(), help: help.into() }
}

/// A network with steps before it.
struct Head<'a> {
    network: &'a Network,
    weights: Weights,
    builder: Builder,
    /// The node that gives what the network's input was.
    last: NodeId,
    /// Convolutions that get a bias.
    biased: BTreeMap<NodeId, Conv2d>,
}

impl<'a> Head<'a> {
    fn new(network: &'a Network, weights: &Weights, layout: Layout) -> Result<Self, GraphError> {
        let Shape { c, h, w } = network.input_shape();
        let weights = weights.clone();
        let shape = if layout == Layout::Nhwc { Shape::new(h, w, c) } else { Shape::new(c, h, w) };
        let builder = Builder::new(network.name.clone(), shape)?;
        let mut head = Self { network, weights, last: builder.input(), builder, biased: BTreeMap::new() };
        if layout == Layout::Nhwc {
            let name = head.free("input.channels_first");
            head.last = head.builder.add(name, Op::Transpose([2, 0, 1]), &[head.last])?;
        }
        Ok(head)
    }

    fn free(&self, name: &str) -> String {
        let is_free = |name: &String| self.network.nodes().iter().all(|node| node.name != *name);
        let numbered = (1..).map(|i| format!("{name}.{i}"));
        std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
    }

    /// Does it to the weights of a convolution of one group.
    fn fold(&mut self, id: NodeId, from: &impl Fn(usize) -> usize, affine: &impl Fn(usize) -> (f64, f64)) {
        let (network, name) = (self.network, &self.network.node(id).name);
        let Op::Conv2d(conv) = network.node(id).op else { return };
        let (weight_name, bias_name) = (format!("{name}.weight"), format!("{name}.bias"));
        // Weights that are missing or have a wrong shape are an error of whoever needs them.
        let taps = conv.window.kernel.0 * conv.window.kernel.1;
        let Some(weight) = self.weights.get(&weight_name).filter(|weight| weight.data().len() == conv.oc * 3 * taps) else {
            return;
        };
        let mut folded = vec![0.0f32; weight.data().len()];
        let mut shifts = vec![0.0f64; conv.oc];
        for (at, &value) in weight.data().iter().enumerate() {
            let (o, c, tap) = (at / (3 * taps), at / taps % 3, at % taps);
            let (scale, shift) = affine(c);
            folded[(o * 3 + from(c)) * taps + tap] = (f64::from(value) * scale) as f32;
            shifts[o] += f64::from(value) * shift;
        }
        let shape = weight.shape().to_vec();
        self.weights.insert(weight_name, Tensor::new(shape, folded));
        if shifts.iter().all(|&shift| shift == 0.0) {
            return;
        }
        let bias: Vec<f64> = match self.weights.get(&bias_name).filter(|bias| conv.bias && bias.data().len() == conv.oc) {
            Some(bias) => bias.data().iter().map(|&value| value.into()).collect(),
            None => vec![0.0; conv.oc],
        };
        let bias = bias.iter().zip(&shifts).map(|(bias, shift)| (bias + shift) as f32).collect();
        self.weights.insert(bias_name, Tensor::new(vec![conv.oc], bias));
        self.biased.insert(id, Conv2d { bias: true, ..conv });
    }

    /// Adds a step of its own: a convolution of single pixels.
    fn step(&mut self, from: &impl Fn(usize) -> usize, affine: &impl Fn(usize) -> (f64, f64)) -> Result<(), GraphError> {
        let name = self.free("input.normalised");
        let weight = (0..9).map(|at| if from(at / 3) == at % 3 { affine(at / 3).0 as f32 } else { 0.0 }).collect();
        let bias = (0..3).map(|c| affine(c).1 as f32).collect();
        self.weights.insert(format!("{name}.weight"), Tensor::new(vec![3, 3, 1, 1], weight));
        self.weights.insert(format!("{name}.bias"), Tensor::new(vec![3], bias));
        let conv = Conv2d { oc: 3, groups: 1, bias: true, window: Window::POINT };
        self.last = self.builder.add(name, Op::Conv2d(conv), &[self.last])?;
        Ok(())
    }

    /// Adds the network itself.
    fn finish(mut self) -> Result<Formed, GraphError> {
        let mut became = vec![self.last];
        for id in self.network.ids().skip(1) {
            let node = self.network.node(id);
            let inputs: Vec<NodeId> = node.inputs.iter().map(|input| became[input.0]).collect();
            let op = self.biased.get(&id).map_or(node.op, |&conv| Op::Conv2d(conv));
            became.push(self.builder.add(node.name.clone(), op, &inputs)?);
        }
        let outputs: Vec<NodeId> = self.network.outputs().iter().map(|output| became[output.0]).collect();
        Ok(Formed { network: self.builder.finish(&outputs)?, weights: self.weights, became })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::Spec;

    fn digits() -> (Network, Weights) {
        let network = "rexnet_digits".parse::<Spec>().unwrap().build().unwrap();
        let weights = Weights::random(&network, 3);
        (network, weights)
    }

    const HALVES: Option<Normalisation> = Some(Normalisation { mean: [0.5; 3], std: [0.5; 3] });

    #[test]
    fn the_usual_form_changes_nothing() {
        let (network, weights) = digits();
        let formed = InputForm::default().of(&network, &weights).unwrap();
        assert_eq!((formed.network, formed.weights), (network, weights));
    }

    #[test]
    fn a_padded_convolution_gets_a_step_before_it() {
        let (network, weights) = digits();
        let formed = InputForm { normalisation: HALVES, ..InputForm::default() }.of(&network, &weights).unwrap();
        assert_eq!(formed.network.nodes()[1].name, "input.normalised");
        assert_eq!(formed.became[0], NodeId(1));
        let both = InputForm { normalisation: HALVES, order: ChannelOrder::Bgr, layout: Layout::Nhwc, ..InputForm::default() };
        let formed = both.of(&network, &weights).unwrap();
        assert_eq!(formed.network.input_shape(), Shape::new(32, 32, 3));
        assert_eq!(formed.network.nodes()[2].name, "input.normalised");
        assert_eq!(formed.weights.problems(&formed.network), []);
        // An order alone is a matter of weights.
        let turned = InputForm { order: ChannelOrder::Bgr, ..InputForm::default() }.of(&network, &weights).unwrap();
        assert_eq!(turned.network, network);
        assert_ne!(turned.weights, weights);
    }

    #[test]
    fn what_has_no_padding_is_folded() {
        let mut builder = Builder::new("n", Shape::new(3, 4, 4)).unwrap();
        let conv = Conv2d { oc: 2, groups: 1, bias: false, window: Window::POINT };
        let id = builder.add("c", Op::Conv2d(conv), &[builder.input()]).unwrap();
        let network = builder.finish(&[id]).unwrap();
        let mut weights = Weights::default();
        weights.insert("c.weight", Tensor::new(vec![2, 3, 1, 1], vec![1.0, 2.0, 3.0, 0.0, 0.0, 1.0]));
        let normalisation = Some(Normalisation { mean: [0.0, 0.5, 1.0], std: [1.0, 1.0 / 255.0, 0.5] });
        let form = InputForm { normalisation, order: ChannelOrder::Bgr, ..InputForm::default() };
        let formed = form.of(&network, &weights).unwrap();
        assert_eq!(formed.network.nodes().len(), 2);
        let near = |name: &str, expected: &[f32]| {
            let found = formed.weights.get(name).unwrap().data();
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs()), "{found:?}");
        };
        near("c.weight", &[6.0 / 255.0, 2.0, 1.0 / 255.0, 2.0 / 255.0, 0.0, 0.0]);
        near("c.bias", &[-2.0 * 127.5 - 3.0 * 2.0, -2.0]);
    }

    #[test]
    fn pixels_are_arranged() {
        let planes = vec![0.0, 1.0, 10.0, 11.0, 20.0, 21.0];
        let form = |order, layout| InputForm { order, layout, ..InputForm::default() };
        assert_eq!(form(ChannelOrder::Bgr, Layout::Nchw).arranged(planes.clone()), [20.0, 21.0, 10.0, 11.0, 0.0, 1.0]);
        assert_eq!(form(ChannelOrder::Rgb, Layout::Nhwc).arranged(planes.clone()), [0.0, 10.0, 20.0, 1.0, 11.0, 21.0]);
        assert_eq!(form(ChannelOrder::Bgr, Layout::Nhwc).arranged(planes), [20.0, 10.0, 0.0, 21.0, 11.0, 1.0]);
    }

    #[test]
    fn other_channels_are_refused() {
        let network = Builder::new("n", Shape::new(1, 4, 4)).unwrap().finish(&[NodeId(0)]).unwrap();
        let refused = InputForm { normalisation: HALVES, ..InputForm::default() }.of(&network, &Weights::default());
        assert!(refused.unwrap_err().to_string().contains("channels is 1"));
        let (network, weights) = digits();
        let normalisation = Some(Normalisation { mean: [0.0; 3], std: [1.0, 0.0, 1.0] });
        assert!(InputForm { normalisation, ..InputForm::default() }.of(&network, &weights).is_err());
    }
}
