//! Rolls lines that repeat into loops. A kernel is made line by line, and is easier to read as loops.
//!
//! Lines become a loop if they differ in nothing but numbers, and each number changes by the same amount from one repetition to the
//! next. So the loop says what the lines said, in the same order, and the compiler unrolls it to the same instructions.

use std::collections::HashMap;
use std::fmt;

use crate::ir::kernel::Reg;

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text that is printed as it is.
    Text(String),
    /// An address: a buffer, and a sum that is its offset in f32.
    Address(String, Sum),
    /// An index of an array.
    Index(Sum),
}

/// A sum of a constant and of multiples of loop variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Variables and their factors.
    pub terms: Vec<(String, isize)>,
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

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| piece.fmt(f))
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let term = |(var, factor): &(String, isize)| match factor.unsigned_abs() {
            1 => var.clone(),
            factor => format!("{var} * {factor}"),
        };
        let (falling, rising): (Vec<_>, Vec<_>) = self.terms.iter().partition(|(_, factor)| *factor < 0);
        let mut parts: Vec<String> = rising.into_iter().map(term).collect();
        if self.constant != 0 || parts.is_empty() {
            parts.push(self.constant.to_string());
        }
        // What is subtracted comes last: no sum on the way is below zero.
        let parts = std::iter::once(parts.join(" + ")).chain(falling.into_iter().map(term));
        write!(f, "{}", parts.collect::<Vec<_>>().join(" - "))
    }
}

/// A line of a kernel.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its parts, in order.
    pub pieces: Vec<Piece>,
    /// The register that it declares, or the first of the array that it declares.
    pub declares: Option<Reg>,
    /// The registers that it uses, or the first of their arrays, as often as it uses them.
    pub uses: Vec<Reg>,
    /// About how many instructions the compiler has for it before it has unrolled anything.
    pub cost: usize,
}

/// A part of a kernel's text.
#[derive(Clone, Debug)]
pub enum Node {
    /// A comment.
    Comment(String),
    /// A line.
    Line(Line),
    /// An array of registers, one item on each line.
    List {
        /// The text before the items.
        head: String,
        /// The items.
        items: Vec<Line>,
        /// The first register of the array.
        declares: Reg,
    },
    /// A loop that the kernel itself has.
    For {
        /// Its head.
        head: String,
        /// Its body.
        body: Vec<Node>,
    },
    /// A loop that lines were rolled into.
    Roll {
        /// The variable.
        var: String,
        /// How often the lines repeat.
        count: usize,
        /// The lines.
        body: Vec<Node>,
    },
}

/// The largest number of instructions of an unrolled loop. LLVM unrolls loops of up to 300; with this limit, it always does. A
/// loop that it does not unroll keeps its registers in memory.
const MOST: usize = 240;

/// The largest number of nodes in a loop's body.
const LONGEST: usize = 40;

/// The smallest number of lines that a loop must save.
const LEAST: usize = 3;

/// Rolls up the lines of a kernel. `vars` are names for the loops' variables, for the innermost loop first.
pub fn roll(nodes: Vec<Node>, vars: &[String]) -> Vec<Node> {
    Roller { vars, uses: uses(&nodes) }.body(nodes)
}

/// How often each register or array is used.
fn uses(nodes: &[Node]) -> HashMap<Reg, usize> {
    let mut all = Vec::new();
    nodes.iter().for_each(|node| node.uses(&mut all));
    let mut uses = HashMap::new();
    all.into_iter().for_each(|reg| *uses.entry(reg).or_default() += 1);
    uses
}

/// A loop, and the nodes that it replaces.
struct Loop {
    begin: usize,
    len: usize,
    node: Node,
}

/// Puts loops in the place of nodes.
fn replace(nodes: Vec<Node>, loops: Vec<Loop>) -> Vec<Node> {
    if loops.is_empty() {
        return nodes;
    }
    let mut replaced = Vec::with_capacity(nodes.len());
    let (mut rest, mut at) = (nodes.into_iter(), 0);
    for Loop { begin, len, node } in loops {
        replaced.extend(rest.by_ref().take(begin - at));
        replaced.push(node);
        rest.by_ref().take(len).for_each(drop);
        at = begin + len;
    }
    replaced.extend(rest);
    replaced
}

struct Roller<'a> {
    vars: &'a [String],
    /// How often the kernel uses each register or array.
    uses: HashMap<Reg, usize>,
}

impl Roller<'_> {
    fn body(&self, nodes: Vec<Node>) -> Vec<Node> {
        let inner = |node| match node {
            Node::For { head, body } => Node::For { head, body: self.body(body) },
            node => node,
        };
        let mut nodes: Vec<Node> = nodes.into_iter().map(inner).collect();
        // Loops with short bodies are rolled first, then loops around them.
        let mut period = 1;
        while period <= LONGEST.min(nodes.len() / 2) {
            let loops = self.loops(&nodes, period);
            period = if loops.is_empty() { period + 1 } else { 1 };
            nodes = replace(nodes, loops);
        }
        nodes
    }

    /// The loops that nodes which repeat after `period` nodes become, from front to back.
    fn loops(&self, nodes: &[Node], period: usize) -> Vec<Loop> {
        let mut loops = Vec::new();
        let mut at = 0;
        while at < nodes.len() {
            if let Some((node, len)) = self.repeat(&nodes[at..], period) {
                loops.push(Loop { begin: at, len, node });
                at += len;
            } else {
                at += 1;
            }
        }
        loops
    }

    /// A loop whose body is the first `period` nodes, which replaces these and those behind that repeat them. Also returns how
    /// many nodes it replaces. `None` if there is no such loop or it does not save enough.
    fn repeat(&self, nodes: &[Node], period: usize) -> Option<(Node, usize)> {
        let group = nodes.get(..period)?;
        let growth = growth(group, nodes.get(period..2 * period)?).filter(|growth| growth.iter().any(|&growth| growth != 0))?;
        let repeats =
            |&(time, nodes): &(usize, &[Node])| growth_is(group, nodes, growth.iter().map(|growth| growth * time as isize));
        let lines: usize = group.iter().map(Node::lines).sum();
        let cost: usize = group.iter().map(Node::cost).sum();
        // One time more than a loop may have is not rolled. To count them all again from each line would take hours for long kernels.
        let counted = MOST / (cost + 3) + 1;
        let count = nodes.chunks_exact(period).take(counted).enumerate().take_while(repeats).count();
        let saves = lines * count >= lines + 2 + LEAST;
        let stays = || nodes.chunks_exact(period).take(count).all(|time| self.stays_inside(time));
        if !saves || (cost + 3) * count > MOST || !stays() {
            return None;
        }
        let var = self.vars.get(group.iter().map(Node::depth).max()?)?.clone();
        let mut growth = growth.into_iter();
        let mut body = group.to_vec();
        body.iter_mut().for_each(|node| node.grow(&var, &mut growth));
        Some((Node::Roll { var, count, body }, period * count))
    }

    /// Whether the registers that these nodes declare are used in these nodes alone.
    fn stays_inside(&self, nodes: &[Node]) -> bool {
        let mut declared = Vec::new();
        nodes.iter().for_each(|node| node.declares(&mut declared));
        let inside = uses(nodes);
        declared.iter().all(|reg| inside.get(reg) == self.uses.get(reg))
    }
}

/// By how much each number grows from some nodes to others. `None` if the nodes differ in anything else.
fn growth(from: &[Node], to: &[Node]) -> Option<Vec<isize>> {
    let grown =
        || sums(from).iter().zip(sums(to)).map(|(from, to)| to.constant.cast_signed() - from.constant.cast_signed()).collect();
    alike(from, to).then(grown)
}

/// Whether nodes are others with numbers that have grown by these amounts.
fn growth_is(from: &[Node], to: &[Node], growth: impl Iterator<Item = isize>) -> bool {
    alike(from, to)
        && sums(from)
            .iter()
            .zip(sums(to))
            .zip(growth)
            .all(|((from, to), growth)| from.constant.checked_add_signed(growth) == Some(to.constant))
}

/// Whether nodes differ in nothing but numbers.
fn alike(a: &[Node], b: &[Node]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_like(b))
}

/// The numbers of nodes.
fn sums(nodes: &[Node]) -> Vec<&Sum> {
    let mut all = Vec::new();
    nodes.iter().for_each(|node| node.sums(&mut all));
    all
}

impl Node {
    fn lines(&self) -> usize {
        match self {
            Node::Comment(_) | Node::Line(_) => 1,
            Node::List { items, .. } => 2 + items.len(),
            Node::For { body, .. } | Node::Roll { body, .. } => 2 + body.iter().map(Node::lines).sum::<usize>(),
        }
    }

    /// How many rolled loops are nested in it.
    fn depth(&self) -> usize {
        if let Node::Roll { body, .. } = self { 1 + body.iter().map(Node::depth).max().unwrap_or(0) } else { 0 }
    }

    fn cost(&self) -> usize {
        match self {
            Node::Comment(_) => 0,
            Node::Line(line) => line.cost,
            Node::List { items, .. } => items.iter().map(|line| line.cost).sum(),
            Node::For { .. } => MOST,
            Node::Roll { count, body, .. } => count * (3 + body.iter().map(Node::cost).sum::<usize>()),
        }
    }

    fn declares(&self, all: &mut Vec<Reg>) {
        match self {
            Node::Comment(_) => {}
            Node::Line(line) => all.extend(line.declares),
            Node::List { declares, .. } => all.push(*declares),
            // What a loop declares stays inside.
            Node::For { .. } | Node::Roll { .. } => {}
        }
    }

    fn uses(&self, all: &mut Vec<Reg>) {
        match self {
            Node::Comment(_) => {}
            Node::Line(line) => all.extend(&line.uses),
            Node::List { items, .. } => all.extend(items.iter().flat_map(|line| &line.uses)),
            Node::For { body, .. } => body.iter().for_each(|node| node.uses(all)),
            Node::Roll { count, body, .. } => (0..*count).for_each(|_| body.iter().for_each(|node| node.uses(all))),
        }
    }

    /// The numbers of its lines.
    fn sums<'a>(&'a self, all: &mut Vec<&'a Sum>) {
        match self {
            Node::Comment(_) => {}
            Node::Line(line) => all.extend(line.pieces.iter().filter_map(Piece::sum)),
            Node::List { items, .. } => all.extend(items.iter().flat_map(|line| line.pieces.iter().filter_map(Piece::sum))),
            Node::For { body, .. } | Node::Roll { body, .. } => body.iter().for_each(|node| node.sums(all)),
        }
    }

    /// Whether another node differs in nothing but numbers.
    fn is_like(&self, other: &Node) -> bool {
        match (self, other) {
            (Node::Comment(a), Node::Comment(b)) => a == b,
            (Node::Line(a), Node::Line(b)) => a.is_like(b),
            (Node::List { head: a, items: x, .. }, Node::List { head: b, items: y, .. }) => {
                (a, x.len()) == (b, y.len()) && x.iter().zip(y).all(|(x, y)| x.is_like(y))
            }
            // The compiler never unrolls a loop of the kernel, nor a loop around one. So no loop is rolled around it.
            (Node::Roll { var: a, count: n, body: x }, Node::Roll { var: b, count: m, body: y }) => {
                (a, n) == (b, m) && alike(x, y)
            }
            _ => false,
        }
    }

    /// Adds a variable to each number that grows, times its growth.
    fn grow(&mut self, var: &str, growth: &mut impl Iterator<Item = isize>) {
        match self {
            Node::Comment(_) => {}
            Node::Line(line) => line.grow(var, growth),
            Node::List { items, .. } => items.iter_mut().for_each(|line| line.grow(var, growth)),
            Node::For { body, .. } | Node::Roll { body, .. } => body.iter_mut().for_each(|node| node.grow(var, growth)),
        }
    }
}

impl Line {
    /// Whether another line differs in nothing but numbers.
    fn is_like(&self, other: &Line) -> bool {
        self.pieces.len() == other.pieces.len() && self.pieces.iter().zip(&other.pieces).all(|(a, b)| a.is_like(b))
    }

    fn grow(&mut self, var: &str, growth: &mut impl Iterator<Item = isize>) {
        for sum in self.pieces.iter_mut().filter_map(Piece::sum_mut) {
            let factor = growth.next().filter(|&factor| factor != 0);
            sum.terms.extend(factor.map(|factor| (var.to_string(), factor)));
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

    /// Whether another piece differs in nothing but constants.
    fn is_like(&self, other: &Piece) -> bool {
        match (self, other) {
            (Piece::Text(a), Piece::Text(b)) => a == b,
            (Piece::Address(a, x), Piece::Address(b, y)) => a == b && x.terms == y.terms,
            (Piece::Index(x), Piece::Index(y)) => x.terms == y.terms,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `f(p + at);`, which may declare a register and use others.
    fn line(at: usize, declares: Option<Reg>, uses: &[Reg]) -> Node {
        let address = Piece::Address("p".into(), Sum { terms: Vec::new(), constant: at });
        let pieces = vec![Piece::Text("f(".into()), address, Piece::Text(");".into())];
        Node::Line(Line { pieces, declares, uses: uses.to_vec(), cost: 3 })
    }

    fn printed(nodes: &[Node]) -> String {
        let print = |node: &Node| match node {
            Node::Line(line) => line.to_string(),
            Node::Roll { var, count, body } => format!("{var} in {count}: {}", printed(body)),
            other => panic!("{other:?}"),
        };
        nodes.iter().map(print).collect::<Vec<_>>().join(" ")
    }

    fn rolled(nodes: Vec<Node>) -> String {
        printed(&roll(nodes, &["i".into(), "j".into()]))
    }

    #[test]
    fn numbers_may_rise_and_fall() {
        assert_eq!(rolled((0..6).map(|i| line(7 + 5 * i, None, &[])).collect()), "i in 6: f(p.add(i * 5 + 7));");
        assert_eq!(rolled((0..6).map(|i| line(25 - 5 * i, None, &[])).collect()), "i in 6: f(p.add(25 - i * 5));");
    }

    #[test]
    fn loops_are_rolled_into_loops() {
        let rows = (0..4).flat_map(|row| (0..6).map(move |i| line(100 + i - 30 * row, None, &[])));
        assert_eq!(rolled(rows.collect()), "j in 4: i in 6: f(p.add(i + 100 - j * 30));");
    }

    #[test]
    fn what_a_loop_declares_is_used_in_it_alone() {
        let declared = (0..6).flat_map(|i| [line(i, Some(Reg(i)), &[]), line(9 + 2 * i, None, &[Reg(i)])]);
        let declared: Vec<Node> = declared.collect();
        assert_eq!(rolled(declared.clone()), "i in 6: f(p.add(i)); f(p.add(i * 2 + 9));");
        let used_later: Vec<Node> = declared.into_iter().chain([line(1000, None, &[Reg(0)])]).collect();
        assert!(!rolled(used_later).contains("i in 6"), "the loop would end before its first value is used");
    }
}
