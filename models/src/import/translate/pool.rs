//! Pools.

use super::super::node::{NodeReader, Result};
use super::super::value::Value;
use super::super::window::window;
use super::translator::{Translator, computed};
use crate::arithmetic::Arithmetic;
use crate::graph::{Conv2d, NodeId, Op, Padding, Rearrange, Reduction, Window};

/// The most taps of a max pool that is computed at once.
const MOST_TAPS: usize = 49;

/// What is translated here.
pub const OPERATORS: &[&str] = &["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"];

pub fn translate(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    match node.operator() {
        "MaxPool" | "AveragePool" => pool(t, node),
        "GlobalAveragePool" => global(t, node, Reduction::Mean),
        _ => global(t, node, Reduction::Max),
    }
}

fn pool(t: &mut Translator, node: &NodeReader<'_>) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let (input, border) = match t.lowest.get(&input.node) {
        Some((source, border)) => (source.clone(), *border),
        None => (input.clone(), Padding::around(0)),
    };
    let src = t.image(node.output(0), &input)?;
    let shape = t.shape(src);
    let around = |padding: Padding| padding.before + padding.after;
    let bordered = (shape.h + around(border.0), shape.w + around(border.1));
    let rank = input.view.rank();
    let declared = window(node, None, rank.saturating_sub(2), bordered)?;
    if node.int("storage_order")?.unwrap_or(0) != 0 {
        return Err("storage_order is 1, and must be 0".into());
    }
    if node.operator() == "MaxPool" {
        let both = |a: Padding, b: Padding| Padding { before: a.before + b.before, after: a.after + b.after };
        let padding = declared.window.padding;
        let padding = (both(padding.0, border.0), both(padding.1, border.1));
        let id = t.largest(node.output(0), src, Window { padding, ..declared.window })?;
        return Ok(t.usual(id, rank));
    }
    let counts = node.int("count_include_pad")?.unwrap_or(0) == 1;
    let window = declared.window;
    let within =
        |counted: Padding, all: Padding| Padding { before: counted.before.min(all.before), after: counted.after.min(all.after) };
    let counted = if counts {
        (within(declared.padding.0, window.padding.0), within(declared.padding.1, window.padding.1))
    } else {
        Padding::around(0)
    };
    let id = if window.dilation == (1, 1) {
        t.add(node.output(0), Op::AvgPool { window, counted }, &[src])?
    } else {
        t.spread_average(node.output(0), src, window, counted)?
    };
    Ok(t.usual(id, rank))
}

impl Translator {
    /// The largest of each window. What is largest of many taps is computed along the columns, then along the rows: kernels have a line for
    /// each tap.
    fn largest(&mut self, name: &str, input: NodeId, window: Window) -> Result<NodeId> {
        let ((kh, kw), (sh, sw), (dh, dw), (rows, columns)) = (window.kernel, window.stride, window.dilation, window.padding);
        if kh.saturating_mul(kw) <= MOST_TAPS || kh == 1 || kw == 1 {
            return self.add(name, Op::MaxPool(window), &[input]);
        }
        let none = Padding { before: 0, after: 0 };
        let along_columns = Window { kernel: (1, kw), stride: (1, sw), dilation: (1, dw), padding: (none, columns) };
        let along_rows = Window { kernel: (kh, 1), stride: (sh, 1), dilation: (dh, 1), padding: (rows, none) };
        let of_columns = self.add(&format!("{name}.columns"), Op::MaxPool(along_columns), &[input])?;
        self.add(name, Op::MaxPool(along_rows), &[of_columns])
    }

    /// The averages of dilated windows: sums of taps that are convolutions, divided by the number of taps that count.
    fn spread_average(&mut self, name: &str, input: NodeId, window: Window, counted: (Padding, Padding)) -> Result<NodeId> {
        let c = self.shape(input).c;
        let conv = Conv2d { oc: c, groups: c, bias: false, window };
        if window.padding == counted {
            let share = 1.0 / window.taps() as f32;
            return self.filled(name, conv, input, None, |_| share);
        }
        let sums = self.filled(&format!("{name}.sums"), conv, input, None, |_| 1.0)?;
        // No value is greater than itself, not even an infinite one or NaN, of which a product with zero would leave a trace.
        let first = self.add(&format!("{name}.first"), Op::Slice { begin: 0, len: 1 }, &[input])?;
        let none = self.add(&format!("{name}.none"), Op::Binary(Arithmetic::Greater), &[first, first])?;
        let mut ones = self.affine(&format!("{name}.ones"), none, vec![1.0], vec![1.0])?;
        // Padding that counts is ones around the map, which the other padding lies around.
        let rest =
            |all: Padding, counted: Padding| Padding { before: all.before - counted.before, after: all.after - counted.after };
        let around = (rest(window.padding.0, counted.0), rest(window.padding.1, counted.1));
        if counted != Padding::around(0) {
            let padded = Op::Rearrange(Rearrange::Pad { rows: counted.0, columns: counted.1 });
            ones = self.add(&format!("{name}.around"), padded, &[none])?;
            ones = self.affine(&format!("{name}.counted"), ones, vec![1.0], vec![1.0])?;
        }
        let one = Conv2d { oc: 1, groups: 1, bias: false, window: Window { padding: around, ..window } };
        let taps = self.filled(&format!("{name}.taps"), one, ones, None, |_| 1.0)?;
        self.add(name, Op::Binary(Arithmetic::Div), &[sums, taps])
    }
}

/// All dimensions behind the channels are reduced, in whatever order they lie.
fn global(t: &mut Translator, node: &NodeReader<'_>, reduction: Reduction) -> Result<Vec<Value>> {
    let input = computed(node)?;
    let rank = input.view.rank();
    let shape = t.shape(input.node);
    let is_plain = rank > 1 && input.view.is_channels(1, shape) && input.view.dim(0).is_empty();
    let src = if is_plain { input.node } else { t.image(node.output(0), input)? };
    let id = t.add(node.output(0), Op::Reduce(reduction), &[src])?;
    Ok(t.usual(id, rank))
}
