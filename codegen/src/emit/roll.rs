//! Lines that repeat, as loops: a kernel is made line by line, and read loop by loop.
//!
//! Lines become a loop where they differ in nothing but numbers, and each number grows by the same amount from one time to the
//! next. So the loop says what the lines said, in the same order, and the compiler unrolls it to the same instructions.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;

use crate::ir::kernel::Reg;

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// An address: a buffer, and a sum of f32.
    Address(String, Sum),
    /// An index of an array.
    Index(Sum),
}

/// A constant, and multiples of loop variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Variables and their factors.
    pub terms: Vec<(String, usize)>,
    /// The constant.
    pub constant: usize,
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Piece::Text(text) => f.write_str(text),
            Piece::Index(sum) => sum.fmt(f),
            Piece::Address(buffer, sum) if *sum == Sum::default() => f.write_str(buffer),
            Piece::Address(buffer, sum) => write!(f, "{buffer}.add({sum})"),
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let term = |(var, factor): &(String, usize)| if *factor == 1 { var.clone() } else { format!("{var} * {factor}") };
        let mut parts: Vec<String> = self.terms.iter().map(term).collect();
        if self.constant != 0 || parts.is_empty() {
            parts.push(self.constant.to_string());
        }
        write!(f, "{}", parts.join(" + "))
    }
}

/// A line of a kernel.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it says.
    pub pieces: Vec<Piece>,
    /// The registers with a name of their own, not in an array, that it declares.
    pub declares: Option<Reg>,
    /// Those that it uses.
    pub uses: Vec<Reg>,
    /// Roughly the compiler's instructions before it has unrolled anything.
    pub cost: usize,
}

/// What is printed.
#[derive(Clone, Debug)]
pub enum Node {
    /// A comment.
    Comment(String),
    /// A line.
    Line(Line),
    /// A loop of the kernel.
    For {
        /// Its head.
        head: String,
        /// Its body.
        body: Vec<Node>,
    },
    /// Lines that repeat.
    Roll {
        /// The variable.
        var: String,
        /// How often.
        count: usize,
        /// The lines.
        body: Vec<Node>,
    },
}

/// Instructions up to which the compiler unrolls a loop without fail: LLVM's limit is 300. What stays a loop keeps its registers in
/// memory.
const MOST: usize = 240;

/// Lines that a loop must save.
const LEAST: usize = 3;

/// Rolls up the lines of a kernel. `vars` are the names for the loops' variables, from the inside out.
pub fn roll(nodes: Vec<Node>, vars: &[String]) -> Vec<Node> {
    Roller { vars, uses: uses(&nodes) }.body(nodes)
}

/// How often each register is used.
fn uses(nodes: &[Node]) -> HashMap<Reg, usize> {
    let mut all = Vec::new();
    nodes.iter().for_each(|node| node.uses(&mut all));
    let mut uses = HashMap::new();
    all.into_iter().for_each(|reg| *uses.entry(reg).or_default() += 1);
    uses
}

struct Roller<'a> {
    vars: &'a [String],
    /// How often the kernel uses each register.
    uses: HashMap<Reg, usize>,
}

impl Roller<'_> {
    fn body(&self, nodes: Vec<Node>) -> Vec<Node> {
        let inner = |node| match node {
            Node::For { head, body } => Node::For { head, body: self.body(body) },
            node => node,
        };
        let mut nodes: Vec<Node> = nodes.into_iter().map(inner).collect();
        for var in self.vars {
            let before = nodes.len();
            nodes = self.pass(nodes, var);
            if nodes.len() == before {
                break;
            }
        }
        nodes
    }

    /// Rolls up what repeats in a row of lines, from the front.
    fn pass(&self, nodes: Vec<Node>, var: &str) -> Vec<Node> {
        let mut rolled = Vec::new();
        let mut rest = &nodes[..];
        while let Some((first, others)) = rest.split_first() {
            let best = (1..=rest.len() / 2)
                .filter_map(|period| self.repeat(rest, period))
                .max_by_key(|repeat| (repeat.saved, Reverse(repeat.period)));
            let Some(Repeat { period, count, growth, .. }) = best else {
                rolled.push(first.clone());
                rest = others;
                continue;
            };
            let mut growth = growth.into_iter();
            let mut body = rest[..period].to_vec();
            body.iter_mut().for_each(|node| node.grow(var, &mut growth));
            rolled.push(Node::Roll { var: var.into(), count, body });
            rest = &rest[period * count..];
        }
        rolled
    }

    /// How often the first `period` nodes repeat, if that is worth a loop.
    fn repeat(&self, nodes: &[Node], period: usize) -> Option<Repeat> {
        let group = &nodes[..period];
        let mut growth = Vec::new();
        let alike = group.iter().zip(&nodes[period..]).all(|(a, b)| a.growth(b, &mut growth));
        if !alike || growth.iter().all(|&growth| growth == 0) {
            return None;
        }
        let mut count = 1;
        for time in nodes.chunks_exact(period).skip(1) {
            let mut growth = growth.iter().map(|growth| growth * count);
            if !group.iter().zip(time).all(|(a, b)| a.grows_to(b, &mut growth)) {
                break;
            }
            count += 1;
        }
        let lines: usize = group.iter().map(Node::lines).sum();
        let cost: usize = group.iter().map(Node::cost).sum();
        let saved = (lines * count).checked_sub(lines + 2).filter(|&saved| saved >= LEAST)?;
        let stays = nodes.chunks_exact(period).take(count).all(|time| self.stays_inside(time));
        (stays && (cost + 3) * count <= MOST).then_some(Repeat { period, count, growth, saved })
    }

    /// Whether nothing outside of these nodes uses what they declare.
    fn stays_inside(&self, nodes: &[Node]) -> bool {
        let mut declared = Vec::new();
        nodes.iter().for_each(|node| node.declares(&mut declared));
        let inside = uses(nodes);
        declared.iter().all(|reg| inside.get(reg) == self.uses.get(reg))
    }
}

/// Nodes that repeat.
struct Repeat {
    period: usize,
    count: usize,
    /// By how much each number grows each time.
    growth: Vec<usize>,
    /// Lines less.
    saved: usize,
}

impl Node {
    fn lines(&self) -> usize {
        match self {
            Node::Comment(_) | Node::Line(_) => 1,
            Node::For { body, .. } | Node::Roll { body, .. } => 2 + body.iter().map(Node::lines).sum::<usize>(),
        }
    }

    fn cost(&self) -> usize {
        match self {
            Node::Comment(_) => 0,
            Node::Line(line) => line.cost,
            Node::For { .. } => MOST,
            Node::Roll { count, body, .. } => count * (3 + body.iter().map(Node::cost).sum::<usize>()),
        }
    }

    fn declares(&self, all: &mut Vec<Reg>) {
        match self {
            Node::Comment(_) => {}
            Node::Line(line) => all.extend(line.declares),
            Node::For { body, .. } | Node::Roll { body, .. } => body.iter().for_each(|node| node.declares(all)),
        }
    }

    fn uses(&self, all: &mut Vec<Reg>) {
        match self {
            Node::Comment(_) => {}
            Node::Line(line) => all.extend(&line.uses),
            Node::For { body, .. } | Node::Roll { body, .. } => body.iter().for_each(|node| node.uses(all)),
        }
    }

    /// The numbers of its lines.
    fn sums<'a>(&'a self, all: &mut Vec<&'a Sum>) {
        match self {
            Node::Comment(_) => {}
            Node::Line(line) => all.extend(line.pieces.iter().filter_map(Piece::sum)),
            Node::For { body, .. } | Node::Roll { body, .. } => body.iter().for_each(|node| node.sums(all)),
        }
    }

    /// Whether another node differs in numbers alone, all of which are as large or larger: by how much is added to `growth`.
    fn growth(&self, other: &Node, growth: &mut Vec<usize>) -> bool {
        let (mut from, mut to) = (Vec::new(), Vec::new());
        self.sums(&mut from);
        other.sums(&mut to);
        if !self.is_like(other) || from.len() != to.len() {
            return false;
        }
        let grown = from.iter().zip(&to).map(|(from, to)| to.constant.checked_sub(from.constant)).collect::<Option<Vec<usize>>>();
        grown.into_iter().flatten().for_each(|grown| growth.push(grown));
        from.iter().zip(&to).all(|(from, to)| to.constant >= from.constant)
    }

    /// Whether another node is this one with numbers that have grown so much.
    fn grows_to(&self, other: &Node, growth: &mut impl Iterator<Item = usize>) -> bool {
        let (mut from, mut to) = (Vec::new(), Vec::new());
        self.sums(&mut from);
        other.sums(&mut to);
        self.is_like(other)
            && from.len() == to.len()
            && from.iter().zip(&to).all(|(from, to)| growth.next().is_some_and(|growth| from.constant + growth == to.constant))
    }

    /// Whether another node differs in numbers alone.
    fn is_like(&self, other: &Node) -> bool {
        match (self, other) {
            (Node::Comment(a), Node::Comment(b)) => a == b,
            (Node::Line(a), Node::Line(b)) => {
                a.pieces.len() == b.pieces.len() && a.pieces.iter().zip(&b.pieces).all(|(a, b)| a.is_like(b))
            }
            // A loop of the kernel is never unrolled, and what is around it is not either.
            (Node::Roll { var: a, count: n, body: x }, Node::Roll { var: b, count: m, body: y }) => {
                (a, n, x.len()) == (b, m, y.len()) && x.iter().zip(y).all(|(x, y)| x.is_like(y))
            }
            _ => false,
        }
    }

    /// Adds a variable to the numbers that grow with it.
    fn grow(&mut self, var: &str, growth: &mut impl Iterator<Item = usize>) {
        match self {
            Node::Comment(_) => {}
            Node::Line(line) => {
                for sum in line.pieces.iter_mut().filter_map(Piece::sum_mut) {
                    let factor = growth.next().filter(|&factor| factor != 0);
                    sum.terms.extend(factor.map(|factor| (var.to_string(), factor)));
                }
            }
            Node::For { body, .. } | Node::Roll { body, .. } => body.iter_mut().for_each(|node| node.grow(var, growth)),
        }
    }
}

impl Piece {
    fn sum(&self) -> Option<&Sum> {
        match self {
            Piece::Text(_) => None,
            Piece::Address(_, sum) | Piece::Index(sum) => Some(sum),
        }
    }

    fn sum_mut(&mut self) -> Option<&mut Sum> {
        match self {
            Piece::Text(_) => None,
            Piece::Address(_, sum) | Piece::Index(sum) => Some(sum),
        }
    }

    /// Whether another piece differs in constants alone.
    fn is_like(&self, other: &Piece) -> bool {
        match (self, other) {
            (Piece::Text(a), Piece::Text(b)) => a == b,
            (Piece::Address(a, x), Piece::Address(b, y)) => a == b && x.terms == y.terms,
            (Piece::Index(x), Piece::Index(y)) => x.terms == y.terms,
            _ => false,
        }
    }
}
