//! Reads a layer's line, and makes a network that computes this layer alone.

use std::str::FromStr;

use sartor_models::escape::from_word;
use sartor_models::moves::moves;
use sartor_models::{
    Activation, Builder, Conv2d, DepthOrder, Network, NodeId, Op, Padding, Rearrange, Reduction, Shape, Spread, Window,
};

use super::network::{NAME, node_name};
use super::scan::{LineError, Part};
use crate::network::line::{Axis, Each, LayerLine, Operator};

impl LayerLine {
    /// A network that computes this layer alone. A convolution of at most 4 channels reads the images. In front of any other
    /// layer, a 1x1 convolution makes the map that it reads from an image of one channel. That map is an output too, so that the
    /// convolution is not fused.
    ///
    /// # Errors
    /// If the sizes do not fit one another.
    pub(super) fn network(&self, line: Part<'_>) -> Result<Network, LineError> {
        let fault = |error| line.fault(error);
        let (rows, columns) = (self.rows, self.columns);
        let pair = |of: fn(Axis) -> usize| (of(rows), of(columns));
        let (kernel, stride, dilation) = (pair(|a| a.kernel), pair(|a| a.stride), pair(|a| a.dilation));
        let window = Window { kernel, stride, dilation, padding: (rows.padded(), columns.padded()) };
        let point = |oc| Op::Conv2d(Conv2d { oc, groups: 1, bias: false, window: Window::POINT });
        let (ic, op) = match self.operator {
            Operator::Conv { groups, ic, oc } => (ic, Op::Conv2d(Conv2d { oc, groups, bias: true, window })),
            Operator::Each(Each::Move(digits), c) => {
                let pixels =
                    rows.dst.checked_mul(columns.dst).filter(|&pixels| pixels > 0 && digits.count().is_multiple_of(pixels));
                let pixels = pixels.ok_or_else(|| line.fault("the values do not fill the pixels of the result"))?;
                (c, Op::Reshape(Shape::new(digits.count() / pixels, rows.dst, columns.dst)))
            }
            Operator::Each(each, c) => {
                let op = match each {
                    Each::MaxPool => Op::MaxPool(window),
                    Each::AvgPool(None) => Op::avg_pool(window),
                    Each::AvgPool(Some(counted)) => {
                        // No window reaches the padding that the size of the result does not tell.
                        let reached = |counted: Padding, padding: Padding| Padding {
                            before: counted.before.min(padding.before),
                            after: counted.after.min(padding.after),
                        };
                        let (rows, columns) = window.padding;
                        Op::AvgPool { window, counted: (reached(counted.0, rows), reached(counted.1, columns)) }
                    }
                    Each::Reduce(reduction) => Op::Reduce(reduction),
                    Each::Binary(op, _) => Op::Binary(op),
                    Each::Upsample => Op::Rearrange(Rearrange::Upsample {
                        rows: rows.dst / rows.src.max(1),
                        columns: columns.dst / columns.src.max(1),
                    }),
                    Each::DepthToSpace => {
                        let block = rows.dst / rows.src.max(1);
                        Op::Rearrange(Rearrange::DepthToSpace { block, order: DepthOrder::Dcr })
                    }
                    Each::Pad | Each::Crop => {
                        let behind = |axis: Axis| {
                            let (small, large) = if each == Each::Pad { (axis.src, axis.dst) } else { (axis.dst, axis.src) };
                            let after = large.checked_sub(small).and_then(|more| more.checked_sub(axis.padding));
                            let after = after.ok_or_else(|| line.fault("more is added or left out in front than in all"))?;
                            Ok(Padding { before: axis.padding, after })
                        };
                        let (rows, columns) = (behind(rows)?, behind(columns)?);
                        Op::Rearrange(if each == Each::Pad {
                            Rearrange::Pad { rows, columns }
                        } else {
                            Rearrange::Crop { rows, columns }
                        })
                    }
                    Each::IntoTiles(_) | Each::FromTiles(_) => {
                        return Err(
                            line.fault("a part of a Winograd convolution is no network: write the convolution, with winograd=")
                        );
                    }
                    Each::Move(_) => unreachable!("made above"),
                    Each::Constant => Op::Constant(Shape::new(c, rows.dst, columns.dst)),
                    Each::Softmax { log } => Op::Softmax { log },
                    Each::Add => Op::Add,
                    Each::Activation(act) => Op::Activation(act),
                };
                (c, op)
            }
        };
        let reads_image = matches!(self.operator, Operator::Conv { ic: ..=4, .. });
        let image = Shape::new(if reads_image { ic } else { 1 }, rows.src, columns.src);
        let mut builder = Builder::new(NAME, image).map_err(fault)?;
        let mut outputs: Vec<NodeId> = Vec::new();
        let mut nodes = 0;
        let mut add = |builder: &mut Builder, op, inputs: &[NodeId]| {
            nodes += 1;
            builder.add(node_name(nodes), op, inputs).map_err(fault)
        };
        let mut src = builder.input();
        if !reads_image {
            src = add(&mut builder, point(ic), &[src])?;
            outputs.push(src);
        }
        if let Operator::Each(Each::Move(digits), _) = self.operator {
            for op in moves(digits.sizes(), digits.order()) {
                src = add(&mut builder, op, &[src])?;
            }
        }
        let inputs = match op {
            Op::Binary(_) => {
                let Operator::Each(Each::Binary(_, spread), _) = self.operator else { unreachable!("made above") };
                let mut other = src;
                if matches!(spread, Spread::Pixel | Spread::One) {
                    other = add(&mut builder, point(1), &[other])?;
                }
                if matches!(spread, Spread::Gate | Spread::One) {
                    other = add(&mut builder, Op::Reduce(Reduction::Mean), &[other])?;
                }
                vec![src, other]
            }
            Op::Add => vec![src, src],
            Op::Constant(_) => Vec::new(),
            _ => vec![src],
        };
        let mut last = add(&mut builder, op, &inputs)?;
        let made = builder.shape(last);
        if (made.h, made.w) != (rows.dst, columns.dst) {
            return Err(line.fault(format_args!("the result is {}x{}, not {}x{}", made.h, made.w, rows.dst, columns.dst)));
        }
        if matches!(op, Op::Softmax { .. } | Op::Reshape(_)) {
            // The copying to an output would do what the layer does.
            last = add(&mut builder, Op::Activation(Activation::Relu), &[last])?;
        }
        outputs.push(last);
        builder.finish(&outputs).map_err(fault)
    }

    pub(super) fn parse(line: Part<'_>) -> Result<Self, LineError> {
        let (sizes, name) = line.split_once("_n\"").ok_or_else(|| line.fault("there is no _n\"NAME\" at the end"))?;
        let written = name.text.strip_suffix('"').ok_or_else(|| name.fault("the name does not end in '\"'"))?;
        let name = from_word(written).ok_or_else(|| name.fault("a '\\' in the name begins no escape: write '\\\\'"))?;
        let mut parts: Vec<Part<'_>> = sizes.split('_').collect();
        let mut batch = 1;
        if let Some(images) = parts.first().filter(|part| part.text.starts_with("mb")) {
            batch = images.sizes(&["mb"])?.need("mb")?;
            parts.remove(0);
        }
        let each = parts.first().and_then(|part| Each::of(part.text));
        if each.is_some() {
            parts.remove(0);
        }
        let [channels, rows, columns] = parts[..] else {
            return Err(sizes.fault("write [mbN_][OPERATOR_]CHANNELS_ROWS_COLUMNS, as ic64oc384_ih14oh14kh1ph0_iw14ow14kw1pw0"));
        };
        let operator = match each {
            Some(each) => Operator::Each(each, channels.sizes(&["ic"])?.need("ic")?),
            None => {
                let sizes = channels.sizes(&["g", "ic", "oc"])?;
                Operator::Conv { groups: sizes.need("g")?, ic: sizes.need("ic")?, oc: sizes.need("oc")? }
            }
        };
        let axis = |part: Part<'_>, keys: [&'static str; 8]| {
            let sizes = part.sizes(if let Some(Each::AvgPool(_)) = each { &keys } else { &keys[..6] })?;
            let [src, dst, kernel, stride, dilation, padding, before, after] = keys;
            let counted =
                sizes.get(before).zip(sizes.get(after)).map(|(before, after)| Padding { before: before.1, after: after.1 });
            let axis = Axis {
                src: sizes.need(src)?,
                dst: sizes.need(dst)?,
                kernel: sizes.need(kernel)?,
                stride: sizes.or(stride, 1),
                dilation: sizes.dilation(dilation, 0)?,
                padding: sizes.need(padding)?,
            };
            Ok((axis, counted))
        };
        let (rows, counted_rows) = axis(rows, ["ih", "oh", "kh", "sh", "dh", "ph", "ch", "che"])?;
        let (columns, counted_columns) = axis(columns, ["iw", "ow", "kw", "sw", "dw", "pw", "cw", "cwe"])?;
        let operator = match operator {
            Operator::Each(Each::AvgPool(_), c) => Operator::Each(Each::AvgPool(counted_rows.zip(counted_columns)), c),
            other => other,
        };
        Ok(Self { batch, operator, rows, columns, name })
    }
}

impl FromStr for LayerLine {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        Self::parse(Part { at: 0, text: line })
    }
}
