//! What happens to a tile between its last multiply-add and its store.

use std::f32::consts::LOG2_E;

use sartor_ops::{Activation, Arithmetic};

use crate::ir::kernel::{Address, Base, Binary, Builder, Reg, Value};
use crate::layout::PANEL;

/// Added to a float of small magnitude, leaves its nearest integer in the low bits, with the bias of an f32's exponent on top:
/// 1.5 · 2^23 + 127.
const ROUND: f32 = 12_583_039.0;
/// The same for the nearest multiple of an eighth: 1.5 · 2^20 + 127.
const ROUND_TO_EIGHTH: f32 = 1_572_991.0;
/// ln 2 in two parts: the first has 9 bits, so that its product with an exponent is exact on levels that do not fuse too.
const LN_2: [f32; 2] = [0.693_359_4, -0.000_212_194_44];

/// An exponential, as [`logistic`] takes it: `one` times `base` to some power, times `p` of what is left of the argument.
struct Exponential {
    base: Base,
    /// Arguments beyond are taken for this.
    range: f32,
    /// Coefficients of a polynomial, constant term first.
    p: &'static [f32],
    one: f32,
}

/// `p` is exp(-s) on [-ln 2 / 2, ln 2 / 2]; relative error below 2^-26 (interpolation of (exp(r) - 1 - r) / r^2 at Chebyshev's
/// nodes). Beyond the range the sigmoid is 0 or 1 to the last bit that matters, and 2^n stays a normal number.
const NATURAL: Exponential = Exponential {
    base: Base::Two,
    range: 87.0,
    p: &[1.0, -1.0, 0.5, -0.166_665_76, 0.041_666_552, -0.008_363_353, 0.001_392_64],
    one: 1.0,
};

/// `p` is log2(e) · 2^(-s) on [-1/16, 1/16] over the factor of [`ROOT_POWERS`](crate::ir::kernel::ROOT_POWERS); relative error below 2^-25
/// (weighted least squares, the weights made to level the error). The range is the other's times log2(e).
const BINARY: Exponential = Exponential {
    base: Base::EighthRootOfTwo,
    range: 125.5,
    p: &[0.955_087_4, -0.662_016_15, 0.229_469_15, -0.053_018_46],
    one: LOG2_E,
};

/// Exponentials that are computed step by step together: more need more registers than levels with 16 have.
const SIDE_BY_SIDE: usize = 2;

/// Applies an activation to registers, in place. A NaN stays one.
///
/// Infinities go where PyTorch's do, but for SiLU of minus infinity: it is -1.4e-36, next to the function's limit, where
/// PyTorch computes inf / inf = NaN. SiLU and the sigmoid of anything below -87 are those of -87, within 1.5e-36 and 1.7e-38.
pub fn activate(b: &mut Builder, act: Option<Activation>, regs: &[Reg]) {
    let Some(act) = act else { return };
    let mut written: Vec<Vec<Reg>> = regs.chunks(SIDE_BY_SIDE).map(<[Reg]>::to_vec).collect();
    act.apply(&mut Written { b, constants: Vec::new(), results: 0 }, &mut written);
    for (&x, y) in regs.iter().zip(written.into_iter().flatten()) {
        if x != y {
            b.set(x, Value::Copy(y));
        }
    }
}

/// Arithmetic as a kernel's text, on a few registers side by side.
struct Written<'a> {
    b: &'a mut Builder,
    /// The constants so far, by name and value.
    constants: Vec<(String, f32, Reg)>,
    /// Results so far, which number their names.
    results: usize,
}

impl Written<'_> {
    /// A register of one constant, the same for the same name and value.
    fn splat(&mut self, name: &str, value: f32) -> Reg {
        let known = self.constants.iter().find(|(other, same, _)| other == name && same.to_bits() == value.to_bits());
        if let Some(&(.., reg)) = known {
            return reg;
        }
        let reg = self.b.splat(name, value);
        self.constants.push((name.into(), value, reg));
        reg
    }

    /// New registers for a result, one for each value.
    fn result(&mut self, values: impl Iterator<Item = Value>) -> Vec<Reg> {
        self.results += 1;
        let name = format!("t{}", self.results);
        values.enumerate().map(|(i, value)| self.b.set_new(format!("{name}_{i}"), value)).collect()
    }

    fn binary(&mut self, op: Binary, x: &[Reg], y: &[Reg]) -> Vec<Reg> {
        self.result(x.iter().zip(y).map(|(&x, &y)| Value::Binary(op, x, y)))
    }
}

/// As many registers as are computed side by side, or fewer at the end. A constant is as many times the same one.
impl Arithmetic for Written<'_> {
    type Vector = Vec<Reg>;

    fn constant(&mut self, name: &str, value: f32) -> Vec<Reg> {
        vec![self.splat(name, value); SIDE_BY_SIDE]
    }

    fn add(&mut self, x: &Vec<Reg>, y: &Vec<Reg>) -> Vec<Reg> {
        self.binary(Binary::Add, x, y)
    }

    fn mul(&mut self, x: &Vec<Reg>, y: &Vec<Reg>) -> Vec<Reg> {
        self.binary(Binary::Mul, x, y)
    }

    fn div(&mut self, x: &Vec<Reg>, y: &Vec<Reg>) -> Vec<Reg> {
        self.binary(Binary::Div, x, y)
    }

    fn min(&mut self, x: &Vec<Reg>, y: &Vec<Reg>) -> Vec<Reg> {
        self.binary(Binary::Min, x, y)
    }

    fn max(&mut self, x: &Vec<Reg>, y: &Vec<Reg>) -> Vec<Reg> {
        self.binary(Binary::Max, x, y)
    }

    fn fma(&mut self, x: &Vec<Reg>, y: &Vec<Reg>, z: &Vec<Reg>) -> Vec<Reg> {
        self.result(x.iter().zip(y).zip(z).map(|((&x, &y), &z)| Value::Fma(x, y, z)))
    }

    /// In place.
    fn clamp(&mut self, x: &Vec<Reg>, low: f32, high: f32) -> Vec<Reg> {
        let ends = [(low, Binary::Max), (high, Binary::Min)].map(|(end, op)| end.is_finite().then(|| (self.end(end), op)));
        for &x in x {
            for (end, op) in ends.into_iter().flatten() {
                self.b.set(x, Value::Binary(op, end, x));
            }
        }
        x.clone()
    }

    /// In place: with n the integer nearest to -x / ln 2 and s = x + n ln 2, exp(-x) is 2^n · exp(-s).
    fn logistic(&mut self, x: &Vec<Reg>, scaled: bool) -> Vec<Reg> {
        let round = self.splat("round", ROUND);
        let log2e = self.splat("log2e", -LOG2_E);
        let ln2 = [self.splat("ln2", LN_2[0]), self.splat("ln2_low", LN_2[1])];
        self.logistic_of(x, &NATURAL, scaled, |b, arg| {
            let bits = each(b, arg, "bits", |_, arg| Value::Fma(arg, log2e, round));
            let exponent = each(b, &bits, "exponent", |_, bits| Value::Binary(Binary::Sub, bits, round));
            let near = each(b, &exponent, "near", |i, exponent| Value::Fma(exponent, ln2[0], arg[i]));
            let s = each(b, &exponent, "s", |i, exponent| Value::Fma(exponent, ln2[1], near[i]));
            (bits, s)
        });
        x.clone()
    }
}

impl Written<'_> {
    /// The end of a clamp, named for the reader.
    fn end(&mut self, end: f32) -> Reg {
        match end {
            0.0 => self.splat("zero", end),
            6.0 => self.splat("six", end),
            _ => self.splat("end", end),
        }
    }

    /// `x := one / (one + base^n · p(s))`, with `x` above the line if `scaled`. `reduce` makes of arguments within the range floats that
    /// hold n in their low bits, and s. It ends in multiply-adds and one division, which every level rounds alike, so that every
    /// level that fuses gives the same bits.
    fn logistic_of(
        &mut self,
        regs: &[Reg],
        exponential: &Exponential,
        scaled: bool,
        reduce: impl Fn(&mut Builder, &[Reg]) -> (Vec<Reg>, Vec<Reg>),
    ) {
        let &Exponential { base, range, p, one } = exponential;
        let least = self.splat("least", -range);
        let most = self.splat("most", range);
        let one = self.splat("one", one);
        let p: Vec<Reg> = p.iter().enumerate().map(|(i, &value)| self.splat(&format!("p{i}"), value)).collect();
        let b = &mut *self.b;
        // In place, so that SiLU of a large negative number is next to zero, and not that number times sigmoid(-87).
        for &x in regs {
            b.set(x, Value::Binary(Binary::Max, least, x));
        }
        let arg = each(b, regs, "arg", |_, x| Value::Binary(Binary::Min, most, x));
        let (bits, s) = reduce(b, &arg);
        let mut exp = vec![p[p.len() - 1]; regs.len()];
        for &coefficient in p.iter().rev().skip(1) {
            exp = each(b, &exp, "exp", |i, exp| Value::Fma(exp, s[i], coefficient));
        }
        let power = each(b, &bits, "power", |_, bits| Value::Power(base, bits));
        let under = each(b, &exp, "under", |i, exp| Value::Fma(exp, power[i], one));
        for (&x, under) in regs.iter().zip(under) {
            b.set(x, Value::Binary(Binary::Div, if scaled { x } else { one }, under));
        }
    }
}

/// What a convolution's weights and bias are multiplied by, for the activation that takes its sums. SiLU wants a power of e; where
/// its argument arrives times log2(e), it is one of 2, and costs three multiplications less.
pub fn factor_of_sums(act: Option<Activation>) -> f64 {
    if act == Some(Activation::Silu) { std::f64::consts::LOG2_E } else { 1.0 }
}

/// Applies an activation to the sums of a convolution, in place. Those of SiLU are x · log2(e), see
/// [`factor_of_sums`]; what becomes of infinities and NaN is as in [`activate`].
fn activate_sums(b: &mut Builder, act: Option<Activation>, sums: &[Reg]) {
    if factor_of_sums(act) == 1.0 { activate(b, act, sums) } else { silu_of_sums(b, sums) }
}

/// `z := x / (1 + 2^(-z))` where `z` is `x · log2(e)`. With n the multiple of an eighth nearest to -z and s = z + n, 2^(-z) is
/// 2^n · 2^(-s). Nothing before the polynomial is rounded, and nothing is multiplied: the units that multiply are what limits it.
fn silu_of_sums(b: &mut Builder, sums: &[Reg]) {
    let mut written = Written { b, constants: Vec::new(), results: 0 };
    let round = written.splat("round", ROUND_TO_EIGHTH);
    for sums in sums.chunks(SIDE_BY_SIDE) {
        written.logistic_of(sums, &BINARY, true, |b, arg| {
            let bits = each(b, arg, "bits", |_, arg| Value::Binary(Binary::Sub, round, arg));
            let exponent = each(b, &bits, "exponent", |_, bits| Value::Binary(Binary::Sub, bits, round));
            let s = each(b, &exponent, "s", |i, exponent| Value::Binary(Binary::Add, arg[i], exponent));
            (bits, s)
        });
    }
}

/// New registers, one for each of `from`.
fn each(b: &mut Builder, from: &[Reg], name: &str, value: impl Fn(usize, Reg) -> Value) -> Vec<Reg> {
    from.iter().enumerate().map(|(i, &reg)| b.set_new(format!("{name}{i}"), value(i, reg))).collect()
}

/// A text as a sentence.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().iter().flat_map(|letter| letter.to_uppercase()).collect();
    format!("{first}{}.", letters.as_str())
}

/// A number of things.
pub fn number_of(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Stores zeros where a tile has lanes that are not computed.
pub fn clear(b: &mut Builder, idle: impl Iterator<Item = Address>) {
    let mut zero = None;
    for at in idle {
        let zero = *zero.get_or_insert_with(|| b.splat("zero", 0.0));
        b.store(at, zero);
    }
}

/// What a convolution does with its sums; the order is that of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Epilogue {
    /// Applied first, to the sums.
    pub act: Option<Activation>,
    /// Lanes of the last panel that are in use, where the activation does not keep zero at zero.
    pub last_lanes: Option<usize>,
    /// Adds what the destination holds.
    pub blend: bool,
    /// Pitch of a shortcut that is added, from a buffer of its own.
    pub shortcut: Option<usize>,
    /// Applied after the shortcut.
    pub post_act: Option<Activation>,
}

/// One accumulator of a tile and where it goes.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The accumulator.
    pub reg: Reg,
    /// Its place in the destination.
    pub dst: Address,
    /// Its place in the shortcut.
    pub shortcut: Option<Address>,
    /// Lanes to keep, if not all.
    pub keep: Option<usize>,
}

/// A vector that [`Epilogue::finish`] stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its place.
    pub at: Address,
    /// Lanes to keep, if not all.
    pub keep: Option<usize>,
}

impl Epilogue {
    /// What is fused, as words of kernels' names.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.act.map(|act| act.to_string()).into_iter().collect();
        words.extend(self.blend.then(|| "blend".into()));
        words.extend(self.shortcut.map(|_| "add".into()));
        words.extend(self.post_act.map(|act| act.to_string()));
        words
    }

    /// What names of kernels say of it where they must.
    pub fn details(&self) -> [(&'static str, usize); 2] {
        [("ap", self.shortcut.unwrap_or(0)), ("last", self.last_lanes.unwrap_or(PANEL))]
    }

    /// An activation that waits until all tiles are stored.
    fn late(&self) -> Option<Activation> {
        let ends = !self.blend && self.shortcut.is_none() && self.post_act.is_none();
        self.act.filter(|act| ends && act.is_long())
    }

    /// Whether [`Self::finish_stored`] has something to do.
    pub fn is_late(&self) -> bool {
        self.late().is_some()
    }

    /// How many of `lanes` lanes from `lane` of a panel are in use, if not all.
    pub fn kept(&self, lanes: usize, lane: usize, is_last_panel: bool) -> Option<usize> {
        let used = self.last_lanes.filter(|_| is_last_panel)?;
        Some(used.saturating_sub(lane)).filter(|&used| used < lanes)
    }

    /// Says what [`Self::finish`] does; some lanes may be cleared behind it.
    pub fn comment(&self, b: &mut Builder, clears: bool) {
        let mut steps: Vec<String> = Vec::new();
        let applies = |act: Activation| format!("applies {}", act.word());
        let late = self.late();
        steps.extend(self.act.filter(|_| late.is_none()).map(applies));
        steps.extend(self.blend.then(|| "adds what is there".into()));
        steps.extend(self.shortcut.map(|_| "adds the shortcut".into()));
        steps.extend(self.post_act.map(applies));
        let clears = if clears { ", and zeros for the lanes without a channel" } else { "" };
        let late = late.map_or_else(String::new, |act| format!("; {} follows when all are stored", act.word()));
        steps.push(format!("stores the results{clears}{late}"));
        b.comment(sentence(&steps.join(", ")));
    }

    /// Finishes a tile of `cells` and stores it, all but what [`Self::finish_stored`] does.
    pub fn finish(&self, b: &mut Builder, cells: &[Cell]) {
        if self.late().is_some() {
            return cells.iter().for_each(|cell| b.store(cell.dst.clone(), cell.reg));
        }
        let regs: Vec<Reg> = cells.iter().map(|cell| cell.reg).collect();
        activate_sums(b, self.act, &regs);
        for cell in cells {
            if self.blend {
                let old = b.load("old", cell.dst.clone());
                b.update(Binary::Add, cell.reg, old);
            }
            if let Some(shortcut) = &cell.shortcut {
                let shortcut = b.load("shortcut", shortcut.clone());
                b.update(Binary::Add, cell.reg, shortcut);
            }
        }
        activate(b, self.post_act, &regs);
        for cell in cells {
            if let Some(lanes) = cell.keep {
                b.set(cell.reg, Value::FirstLanes(cell.reg, lanes));
            }
            b.store(cell.dst.clone(), cell.reg);
        }
    }

    /// Applies a long activation to all `rows` rows of a column of tiles, `pitch` apart; `first` is the first row. An exponential
    /// is a chain of some 60 cycles: one loop over many rows overlaps them, where each tile by itself would wait for its last.
    pub fn finish_stored(&self, b: &mut Builder, first: &[Stored], rows: usize, pitch: usize) {
        let Some(act) = self.late() else { return };
        b.comment(format!("Applies {} to what is stored.", act.word()));
        b.repeat("r", rows, |b, r| {
            let at = |stored: &Stored| stored.at.clone().plus(r, pitch);
            let regs: Vec<Reg> = first.iter().enumerate().map(|(i, stored)| b.load(format!("y{i}"), at(stored))).collect();
            activate_sums(b, Some(act), &regs);
            for (stored, &reg) in first.iter().zip(&regs) {
                if let Some(lanes) = stored.keep {
                    b.set(reg, Value::FirstLanes(reg, lanes));
                }
                b.store(at(stored), reg);
            }
        });
    }
}
