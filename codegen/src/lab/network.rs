//! A network as words: the sizes of the input, a word for each node in order, and the outputs.
//!
//! `ic3ih9iw9 conv_oc16kh3ph1_bias relu shuffle_g4 add@3,1 out@4,2`. Sizes are named as in oneDNN. A size that is left out is 1,
//! or 0 for padding; a size of the width that is left out is that of the height. `dh1` leaves out one pixel between taps.
//!
//! The padding below and on the right is that above and on the left, unless `phe` and `pwe` say otherwise: `ph0phe1` has one row
//! below.
//!
//! A node reads the node before it, unless it says which, or reads nothing as constants do; the input is 0. Without `out`, the last node is the output. Names are
//! not kept: node 3 is `n3`.

use sartor_models::{
    Activation, Arithmetic, Builder, Conv2d, DepthOrder, Network, NodeId, Op, Padding, Rearrange, Reduction, Shape, Window,
};

use super::scan::{LineError, Part, Sizes};

/// Name of networks that are read from a line.
pub const NAME: &str = "problem";
/// The usual `eps` of a batch norm.
const EPS: f64 = 1e-5;

/// The name of the node with this index.
pub fn node_name(index: usize) -> String {
    format!("n{index}")
}

/// Prints the words of a network, without the input's.
pub fn print(network: &Network) -> String {
    let mut line = String::new();
    for (index, node) in network.nodes().iter().enumerate().skip(1) {
        line += " ";
        line += &operator(&node.op);
        if !node.inputs.is_empty() && !node.inputs.iter().map(|id| id.0).eq([index - 1]) {
            line += &references(&node.inputs);
        }
    }
    if network.outputs().iter().map(|id| id.0).ne([network.nodes().len() - 1]) {
        line += " out";
        line += &references(network.outputs());
    }
    line
}

fn references(ids: &[NodeId]) -> String {
    format!("@{}", ids.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(","))
}

fn operator(op: &Op) -> String {
    match *op {
        Op::Input => "input".into(),
        Op::Conv2d(conv) => {
            let groups = if conv.groups == 1 { String::new() } else { format!("g{}", conv.groups) };
            let bias = if conv.bias { "_bias" } else { "" };
            format!("conv_{groups}oc{}{}{bias}", conv.oc, sizes_of(conv.window))
        }
        Op::BatchNorm { eps } if eps == EPS => "bn".into(),
        Op::BatchNorm { eps } => format!("bn_eps{eps:?}"),
        Op::Activation(act) => act.to_string(),
        Op::MaxPool(pool) => pooled("maxpool", pool),
        Op::AvgPool { window, counted } => averaged(window, counted),
        Op::Reduce(reduction) => reduction.word().into(),
        Op::Rearrange(how) => rearranged(how),
        Op::Linear { out, bias } => format!("linear_oc{out}{}", if bias { "_bias" } else { "" }),
        Op::Add => "add".into(),
        Op::Binary(op) => op.word().into(),
        Op::Concat => "concat".into(),
        Op::ChannelShuffle { groups } => format!("shuffle_g{groups}"),
        Op::Slice { begin: 0, len } => format!("slice_oc{len}"),
        Op::Slice { begin, len } => format!("slice_oc{len}at{begin}"),
        Op::Constant(Shape { c, h, w }) => format!("constant_oc{c}oh{h}ow{w}"),
        Op::Transpose([c, h, w]) => format!("transpose_c{c}h{h}w{w}"),
        Op::Reshape(Shape { c, h, w }) => format!("reshape_oc{c}oh{h}ow{w}"),
        Op::Softmax { log } => if log { "logsoftmax" } else { "softmax" }.into(),
    }
}

fn pooled(word: &str, window: Window) -> String {
    match sizes_of(window) {
        sizes if sizes.is_empty() => word.into(),
        sizes => format!("{word}_{sizes}"),
    }
}

/// The word of an operator that moves pixels, with its sizes.
fn rearranged(how: Rearrange) -> String {
    let sizes = match how {
        Rearrange::Upsample { rows, columns } => format!("h{rows}w{columns}"),
        Rearrange::DepthToSpace { block, .. } => format!("b{block}"),
        Rearrange::Pad { rows, columns } | Rearrange::Crop { rows, columns } => {
            format!("ph{}phe{}pw{}pwe{}", rows.before, rows.after, columns.before, columns.after)
        }
    };
    format!("{}_{sizes}", how.word())
}

/// The word of average pooling: its window, and of the padding that counts what is not the padding itself.
fn averaged(window: Window, counted: (Padding, Padding)) -> String {
    let (rows, columns) = window.padding;
    let sizes = [
        ("ch", counted.0.before, rows.before),
        ("che", counted.0.after, rows.after),
        ("cw", counted.1.before, columns.before),
        ("cwe", counted.1.after, columns.after),
    ];
    let differs = sizes.iter().filter(|(_, size, default)| size != default);
    let counted: String = differs.map(|(name, size, _)| format!("{name}{size}")).collect();
    match sizes_of(window) + &counted {
        sizes if sizes.is_empty() => "avgpool".into(),
        sizes => format!("avgpool_{sizes}"),
    }
}

/// The sizes of a window that must be printed, because they are not the usual ones.
fn sizes_of(window: Window) -> String {
    let Window { kernel, stride, dilation, padding: (rows, columns) } = window;
    let sizes = [
        ("kh", kernel.0, 1),
        ("kw", kernel.1, kernel.0),
        ("sh", stride.0, 1),
        ("sw", stride.1, stride.0),
        ("dh", dilation.0 - 1, 0),
        ("dw", dilation.1 - 1, dilation.0 - 1),
        ("ph", rows.before, 0),
        ("phe", rows.after, rows.before),
        ("pw", columns.before, rows.before),
        ("pwe", columns.after, after_columns(rows, columns.before)),
    ];
    sizes.iter().filter(|(_, size, default)| size != default).map(|(name, size, _)| format!("{name}{size}")).collect()
}

/// How many columns of padding are on the right if `pwe` is left out: as many as rows below, if there are as many on the left as
/// above; otherwise as many as on the left.
fn after_columns(rows: Padding, before: usize) -> usize {
    if before == rows.before { rows.after } else { before }
}

const WINDOW: [&str; 10] = ["kh", "kw", "sh", "sw", "dh", "dw", "ph", "phe", "pw", "pwe"];
const AVERAGE: [&str; 14] = ["kh", "kw", "sh", "sw", "dh", "dw", "ph", "phe", "pw", "pwe", "ch", "che", "cw", "cwe"];
const CONV: [&str; 12] = ["g", "oc", "kh", "kw", "sh", "sw", "dh", "dw", "ph", "phe", "pw", "pwe"];

/// The window that has these sizes.
fn read_window(sizes: &Sizes<'_>) -> Result<Window, LineError> {
    let pair = |h: &str, w: &str, default| {
        let first = sizes.or(h, default);
        (first, sizes.or(w, first))
    };
    let before = pair("ph", "pw", 0);
    let rows = Padding { before: before.0, after: sizes.or("phe", before.0) };
    let columns = Padding { before: before.1, after: sizes.or("pwe", after_columns(rows, before.1)) };
    let dilation = (sizes.dilation("dh", 0)?, sizes.dilation("dw", sizes.or("dh", 0))?);
    Ok(Window { kernel: pair("kh", "kw", 1), stride: pair("sh", "sw", 1), dilation, padding: (rows, columns) })
}

/// Reads a network. `input` is the text of its input's shape, and `words` are the words behind it.
pub fn parse<'a>(input: Part<'a>, shape: Shape, words: impl Iterator<Item = Part<'a>>) -> Result<Network, LineError> {
    let mut builder = Builder::new(NAME, shape).map_err(|error| input.fault(error))?;
    let mut last = 0;
    let mut outputs = None;
    for word in words {
        let (head, ids) = match word.split_once("@") {
            Some((head, ids)) => {
                let id = |part: Part<'a>| match part.number()? {
                    id if id <= last => Ok(NodeId(id)),
                    _ => Err(part.fault(format_args!("the last node before this is {last}"))),
                };
                (head, ids.split(',').map(id).collect::<Result<Vec<_>, _>>()?)
            }
            None => (word, vec![NodeId(last)]),
        };
        if outputs.is_some() {
            return Err(word.fault("nothing may follow the outputs"));
        }
        if head.text == "out" {
            outputs = Some((word, ids));
            continue;
        }
        let op = read_operator(head)?;
        let is_written = head.text.len() < word.text.len();
        let ids = if matches!(op, Op::Constant(_)) && !is_written { Vec::new() } else { ids };
        last = builder.add(node_name(last + 1), op, &ids).map_err(|error| word.fault(error))?.0;
    }
    let (word, outputs) = outputs.unwrap_or((input, vec![NodeId(last)]));
    builder.finish(&outputs).map_err(|error| word.fault(error))
}

fn read_operator(word: Part<'_>) -> Result<Op, LineError> {
    let (head, rest) = word.split_once("_").map_or((word, None), |(head, rest)| (head, Some(rest)));
    // Reads the sizes of a word, and whether a bias follows them.
    let sizes = |keys: &[&'static str], takes_bias: bool| -> Result<(Sizes<'_>, bool), LineError> {
        let none = Part { at: word.at + word.text.len(), text: "" };
        let (sizes, bias) = match rest {
            Some(rest) if takes_bias => rest.split_once("_").map_or((rest, None), |(sizes, bias)| (sizes, Some(bias))),
            rest => (rest.unwrap_or(none), None),
        };
        match bias {
            Some(bias) if bias.text != "bias" => Err(bias.fault("only 'bias' may stand here")),
            bias => Ok((sizes.sizes(keys)?, bias.is_some())),
        }
    };
    let plain = |op: Op| match rest {
        None => Ok(op),
        Some(rest) => Err(rest.fault(format_args!("'{}' has no sizes", head.text))),
    };
    match head.text {
        "conv" => {
            let (sizes, bias) = sizes(&CONV, true)?;
            let (oc, groups) = (sizes.need("oc")?, sizes.or("g", 1));
            Ok(Op::Conv2d(Conv2d { oc, groups, bias, window: read_window(&sizes)? }))
        }
        "maxpool" => Ok(Op::MaxPool(read_window(&sizes(&WINDOW, false)?.0)?)),
        "avgpool" => {
            let (sizes, _) = sizes(&AVERAGE, false)?;
            let window = read_window(&sizes)?;
            let side = |before, after, padding: Padding| Padding {
                before: sizes.or(before, padding.before),
                after: sizes.or(after, padding.after),
            };
            let counted = (side("ch", "che", window.padding.0), side("cw", "cwe", window.padding.1));
            Ok(Op::AvgPool { window, counted })
        }
        "upsample" => {
            let (sizes, _) = sizes(&["h", "w"], false)?;
            Ok(Op::Rearrange(Rearrange::Upsample { rows: sizes.need("h")?, columns: sizes.need("w")? }))
        }
        "depthtospace" | "pixelshuffle" => {
            let order = if head.text == "depthtospace" { DepthOrder::Dcr } else { DepthOrder::Crd };
            Ok(Op::Rearrange(Rearrange::DepthToSpace { block: sizes(&["b"], false)?.0.need("b")?, order }))
        }
        "pad" | "crop" => {
            let (sizes, _) = sizes(&["ph", "phe", "pw", "pwe"], false)?;
            let side = |before, after| Padding { before: sizes.or(before, 0), after: sizes.or(after, 0) };
            let (rows, columns) = (side("ph", "phe"), side("pw", "pwe"));
            Ok(Op::Rearrange(if head.text == "pad" { Rearrange::Pad { rows, columns } } else { Rearrange::Crop { rows, columns } }))
        }
        "linear" => {
            let (sizes, bias) = sizes(&["oc"], true)?;
            Ok(Op::Linear { out: sizes.need("oc")?, bias })
        }
        "shuffle" => Ok(Op::ChannelShuffle { groups: sizes(&["g"], false)?.0.need("g")? }),
        "slice" => {
            let sizes = sizes(&["oc", "at"], false)?.0;
            Ok(Op::Slice { begin: sizes.or("at", 0), len: sizes.need("oc")? })
        }
        "bn" => match rest {
            None => Ok(Op::BatchNorm { eps: EPS }),
            Some(rest) => {
                let eps = rest.text.strip_prefix("eps").and_then(|eps| eps.parse().ok());
                eps.map(|eps| Op::BatchNorm { eps }).ok_or_else(|| rest.fault("this should be 'eps' and a number"))
            }
        },
        "add" => plain(Op::Add),
        "concat" => plain(Op::Concat),
        "transpose" => {
            let sizes = sizes(&["c", "h", "w"], false)?.0;
            Ok(Op::Transpose([sizes.need("c")?, sizes.need("h")?, sizes.need("w")?]))
        }
        "reshape" | "constant" => {
            let sizes = sizes(&["oc", "oh", "ow"], false)?.0;
            let shape = Shape::new(sizes.need("oc")?, sizes.or("oh", 1), sizes.or("ow", 1));
            Ok(if head.text == "reshape" { Op::Reshape(shape) } else { Op::Constant(shape) })
        }
        "softmax" => plain(Op::Softmax { log: false }),
        "logsoftmax" => plain(Op::Softmax { log: true }),
        word => match (Activation::parse(word), Arithmetic::of(word), Reduction::parse(word)) {
            (Some(act), ..) => plain(Op::Activation(act)),
            (None, Some(op), _) => plain(Op::Binary(op)),
            (None, None, Some(reduction)) => plain(Op::Reduce(reduction)),
            (None, None, None) => Err(head.fault(format_args!(
                "there is no such operator; they are conv, bn, {}, maxpool, avgpool, {}, upsample, depthtospace, pixelshuffle, pad, crop, linear, add, {}, concat, shuffle, slice, transpose, reshape, constant, softmax, logsoftmax, and out",
                Activation::every().map(|act| act.to_string()).collect::<Vec<_>>().join(", "),
                Reduction::ALL.map(Reduction::word).join(", "),
                Arithmetic::ALL.map(Arithmetic::word).join(", ")
            ))),
        },
    }
}
