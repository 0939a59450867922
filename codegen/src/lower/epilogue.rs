//! What is done with a tile between its last multiply-add and its store.

use std::f32::consts::LOG2_E;

use sartor_ops::{Activation, Arithmetic};

use crate::ir::kernel::{Address, Base, Binary, Builder, Reg, Value};
use crate::layout::PANEL;

/// If this is added to a float of small magnitude, the low bits of the sum hold the nearest integer plus the bias of an f32's
/// exponent. It is 1.5 · 2^23 + 127.
const ROUND: f32 = 12_583_039.0;
/// The same for the nearest multiple of one eighth: 1.5 · 2^20 + 127.
const ROUND_TO_EIGHTH: f32 = 1_572_991.0;
/// ln 2 in two parts. The first has 9 bits, so that its product with an exponent is exact, also on levels that do not fuse.
const LN_2: [f32; 2] = [0.693_359_4, -0.000_212_194_44];

/// How `logistic_of` computes an exponential: `one` times it is a power of `base`, times the polynomial `p` of the rest of the
/// argument.
struct Exponential {
    base: Base,
    /// Arguments are clamped to this magnitude.
    range: f32,
    /// Coefficients of a polynomial, constant term first.
    p: &'static [f32],
    one: f32,
}

/// `p` is exp(-s) on [-ln 2 / 2, ln 2 / 2], with a relative error below 2^-26 (interpolation of (exp(r) - 1 - r) / r^2 at
/// Chebyshev nodes). Beyond the range the sigmoid is 0 or 1 to the last bit that matters. Within it, 2^n is a normal number.
const NATURAL: Exponential = Exponential {
    base: Base::Two,
    range: 87.0,
    p: &[1.0, -1.0, 0.5, -0.166_665_76, 0.041_666_552, -0.008_363_353, 0.001_392_64],
    one: 1.0,
};

/// `p` is log2(e) · 2^(-s) on [-1/16, 1/16], divided by the factor of [`ROOT_POWERS`](crate::ir::kernel::ROOT_POWERS). Its
/// relative error is below 2^-25 (weighted least squares, with weights chosen to level the error). The range is that of
/// [`NATURAL`] times log2(e).
const BINARY: Exponential = Exponential {
    base: Base::EighthRootOfTwo,
    range: 125.5,
    p: &[0.955_087_4, -0.662_016_15, 0.229_469_15, -0.053_018_46],
    one: LOG2_E,
};

/// The same as [`ROUND`] for one less, so that the power is half as large: that of the largest result has an exponent, too.
const ROUND_TO_HALF: f32 = 12_583_038.0;
/// Beyond these, the sum with [`ROUND_TO_HALF`] does not hold an exponent. Results are zero and infinite before.
const ENDS_OF_HALF: [f32; 2] = [-87.3, 89.0];

/// How many exponentials are computed step by step together. More would need more registers than levels with 16 of them have.
const SIDE_BY_SIDE: usize = 2;

/// Applies an activation to registers, in place. NaN stays NaN.
///
/// Infinities give what PyTorch gives, with one exception. SiLU of minus infinity is -1.4e-36 here, close to the function's
/// limit, where PyTorch computes inf / inf = NaN. For any argument below -87, SiLU and the sigmoid are those of -87: they are off
/// by at most 1.5e-36 and 1.7e-38.
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

/// Arithmetic that is written down as statements of a kernel, for a few registers side by side.
struct Written<'a> {
    b: &'a mut Builder,
    /// The constants so far, with name and value.
    constants: Vec<(String, f32, Reg)>,
    /// How many results there are so far. Their names are numbered with it.
    results: usize,
}

impl Written<'_> {
    /// A register that holds a constant. The same name and value give the same register.
    fn splat(&mut self, name: &str, value: f32) -> Reg {
        let known = self.constants.iter().find(|(other, same, _)| other == name && same.to_bits() == value.to_bits());
        if let Some(&(.., reg)) = known {
            return reg;
        }
        let reg = self.b.splat(name, value);
        self.constants.push((name.into(), value, reg));
        reg
    }

    /// New registers for a result, one for each value, named as no other result is.
    fn result(&mut self, name: &str, values: impl Iterator<Item = Value>) -> Vec<Reg> {
        self.results += 1;
        let name = format!("{name}{}", self.results);
        values.enumerate().map(|(i, value)| self.b.set_new(format!("{name}_{i}"), value)).collect()
    }

    fn binary(&mut self, name: &str, op: Binary, x: &[Reg], y: &[Reg]) -> Vec<Reg> {
        self.result(name, x.iter().zip(y).map(|(&x, &y)| Value::Binary(op, x, y)))
    }
}

/// A vector here is as many registers as are computed side by side, or fewer at the end. A constant is the same register that
/// many times.
impl Arithmetic for Written<'_> {
    type Vector = Vec<Reg>;

    fn constant(&mut self, name: &str, value: f32) -> Vec<Reg> {
        vec![self.splat(name, value); SIDE_BY_SIDE]
    }

    fn add(&mut self, x: &Vec<Reg>, y: &Vec<Reg>) -> Vec<Reg> {
        self.binary("sum", Binary::Add, x, y)
    }

    fn mul(&mut self, x: &Vec<Reg>, y: &Vec<Reg>) -> Vec<Reg> {
        self.binary("product", Binary::Mul, x, y)
    }

    fn div(&mut self, x: &Vec<Reg>, y: &Vec<Reg>) -> Vec<Reg> {
        self.binary("quotient", Binary::Div, x, y)
    }

    fn min(&mut self, x: &Vec<Reg>, y: &Vec<Reg>) -> Vec<Reg> {
        self.binary("min", Binary::Min, x, y)
    }

    fn max(&mut self, x: &Vec<Reg>, y: &Vec<Reg>) -> Vec<Reg> {
        self.binary("max", Binary::Max, x, y)
    }

    fn above(&mut self, x: &Vec<Reg>, y: &Vec<Reg>) -> Vec<Reg> {
        self.binary("above", Binary::Above, x, y)
    }

    fn fma(&mut self, x: &Vec<Reg>, y: &Vec<Reg>, z: &Vec<Reg>) -> Vec<Reg> {
        self.result("fused", x.iter().zip(y).zip(z).map(|((&x, &y), &z)| Value::Fma(x, y, z)))
    }

    /// Clamps in place.
    fn clamp(&mut self, x: &Vec<Reg>, low: f32, high: f32) -> Vec<Reg> {
        let ends = [("low", low, Binary::Max), ("high", high, Binary::Min)];
        let ends = ends.map(|(name, end, op)| end.is_finite().then(|| (self.end(name, end), op)));
        for &x in x {
            for (end, op) in ends.into_iter().flatten() {
                self.b.set(x, Value::Binary(op, end, x));
            }
        }
        x.clone()
    }

    fn sqrt(&mut self, x: &Vec<Reg>) -> Vec<Reg> {
        self.result("root", x.iter().map(|&x| Value::Sqrt(x)))
    }

    fn exponent(&mut self, x: &Vec<Reg>) -> Vec<Reg> {
        self.result("exponent", x.iter().map(|&x| Value::Exponent(x)))
    }

    fn mantissa(&mut self, x: &Vec<Reg>) -> Vec<Reg> {
        self.result("mantissa", x.iter().map(|&x| Value::Mantissa(x)))
    }

    fn power_of_two(&mut self, x: &Vec<Reg>) -> Vec<Reg> {
        self.result("power", x.iter().map(|&x| Value::Power(Base::Two, x)))
    }

    /// Let n be the integer nearest to x / ln 2, and r = x - n ln 2. Then exp(x) is 2^(n - 1) · 2 exp(r).
    fn exponential(&mut self, x: &Vec<Reg>) -> Vec<Reg> {
        let [lowest, highest] = ENDS_OF_HALF;
        let (lowest, highest) = (self.splat("lowest", lowest), self.splat("highest", highest));
        let round = self.splat("round", ROUND_TO_HALF);
        let log2e = self.splat("log2e", LOG2_E);
        let ln2 = [self.splat("ln2", -LN_2[0]), self.splat("ln2_low", -LN_2[1])];
        // The polynomial is that of exp(-s).
        let doubled = NATURAL.p.iter().enumerate().map(|(i, value)| if i % 2 == 0 { 2.0 * value } else { -2.0 * value });
        let p: Vec<Reg> = doubled.enumerate().map(|(i, value)| self.splat(&format!("p{i}"), value)).collect();
        let above = self.result("above", x.iter().map(|&x| Value::Binary(Binary::Max, lowest, x)));
        let arg = self.result("arg", above.iter().map(|&x| Value::Binary(Binary::Min, highest, x)));
        let bits = self.result("bits", arg.iter().map(|&arg| Value::Fma(arg, log2e, round)));
        let exponent = self.result("exponent", bits.iter().map(|&bits| Value::Binary(Binary::Sub, bits, round)));
        let near = self.result("near", exponent.iter().zip(&arg).map(|(&n, &arg)| Value::Fma(n, ln2[0], arg)));
        let rest = self.result("rest", exponent.iter().zip(&near).map(|(&n, &near)| Value::Fma(n, ln2[1], near)));
        let mut sum = vec![p[p.len() - 1]; x.len()];
        for &coefficient in p.iter().rev().skip(1) {
            sum = self.result("exp", sum.iter().zip(&rest).map(|(&sum, &rest)| Value::Fma(sum, rest, coefficient)));
        }
        let power = self.result("power", bits.iter().map(|&bits| Value::Power(Base::Two, bits)));
        self.binary("exp", Binary::Mul, &sum, &power)
    }

    /// Computes in place. Let n be the integer nearest to -x / ln 2, and s = x + n ln 2. Then exp(-x) is 2^n · exp(-s).
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
    /// The register of a clamp's end, named for the reader.
    fn end(&mut self, name: &str, end: f32) -> Reg {
        match end {
            0.0 => self.splat("zero", end),
            6.0 => self.splat("six", end),
            _ => self.splat(name, end),
        }
    }

    /// `x := one / (one + base^n · p(s))`; with `scaled`, the numerator is `x` and not `one`. `reduce` takes arguments within the
    /// range. It returns floats that hold n in their low bits, and s. The formula ends in multiply-adds and one division, which
    /// every level rounds alike. So all levels that fuse give the same bits.
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
        // `x` is clamped in place, so that SiLU of a large negative number is close to zero, and not that number times
        // sigmoid(-87).
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

/// The factor of a convolution's weights and bias, for the activation that takes its sums. SiLU needs a power of e. If its
/// argument arrives multiplied by log2(e), it needs a power of 2, which costs three multiplications less.
pub fn factor_of_sums(act: Option<Activation>) -> f64 {
    if act == Some(Activation::Silu) { std::f64::consts::LOG2_E } else { 1.0 }
}

/// Applies an activation to the sums of a convolution, in place. If it is SiLU, the sums are x · log2(e): see [`factor_of_sums`].
/// Infinities and NaN give what they give in [`activate`].
fn activate_sums(b: &mut Builder, act: Option<Activation>, sums: &[Reg]) {
    if factor_of_sums(act) == 1.0 { activate(b, act, sums) } else { silu_of_sums(b, sums) }
}

/// `z := x / (1 + 2^(-z))`, where `z` is `x · log2(e)`. Let n be the multiple of one eighth nearest to -z, and s = z + n. Then
/// 2^(-z) is 2^n · 2^(-s). Before the polynomial nothing is rounded and nothing is multiplied: the units that multiply are the
/// bottleneck.
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

/// Makes a sentence of a text: a capital letter in front, a full stop behind.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().iter().flat_map(|letter| letter.to_uppercase()).collect();
    format!("{first}{}.", letters.as_str())
}

/// A number with its noun, in the plural if need be.
pub fn number_of(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Stores zeros to the lanes of a tile that are not computed.
pub fn clear(b: &mut Builder, idle: impl Iterator<Item = Address>) {
    let mut zero = None;
    for at in idle {
        let zero = *zero.get_or_insert_with(|| b.splat("zero", 0.0));
        b.store(at, zero);
    }
}

/// What a convolution does with its sums, in the order of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Epilogue {
    /// Applied first, to the sums.
    pub act: Option<Activation>,
    /// Lanes of the last panel that are in use, if the activation does not keep zero; `None` if it does.
    pub last_lanes: Option<usize>,
    /// Whether what the destination holds is added.
    pub blend: bool,
    /// Pitch of a shortcut that is added. The shortcut is in a buffer of its own.
    pub shortcut: Option<usize>,
    /// Applied after the shortcut.
    pub post_act: Option<Activation>,
}

/// An accumulator of a tile, and where it goes.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The accumulator.
    pub reg: Reg,
    /// Its place in the destination.
    pub dst: Address,
    /// Its place in the shortcut.
    pub shortcut: Option<Address>,
    /// How many lanes to keep; `None` for all.
    pub keep: Option<usize>,
}

/// A vector that [`Epilogue::finish`] stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its place.
    pub at: Address,
    /// How many lanes to keep; `None` for all.
    pub keep: Option<usize>,
}

/// What is fused into a convolution, as words: those of its kernel's name, and of its layer's key in a tuning.
pub fn words(act: Option<Activation>, blend: bool, shortcut: bool, post_act: Option<Activation>) -> Vec<String> {
    let mut words: Vec<String> = act.map(|act| act.to_string()).into_iter().collect();
    words.extend(blend.then(|| "blend".into()));
    words.extend(shortcut.then(|| "add".into()));
    words.extend(post_act.map(|act| act.to_string()));
    words
}

impl Epilogue {
    /// What is fused, as words of a kernel's name.
    pub fn words(&self) -> Vec<String> {
        words(self.act, self.blend, self.shortcut.is_some(), self.post_act)
    }

    /// The fields that the name of a kernel needs if its other fields do not distinguish it.
    pub fn details(&self) -> [(&'static str, usize); 2] {
        [("ap", self.shortcut.unwrap_or(0)), ("last", self.last_lanes.unwrap_or(PANEL))]
    }

    /// The activation, if it is applied only once all tiles are stored.
    fn late(&self) -> Option<Activation> {
        let ends = !self.blend && self.shortcut.is_none() && self.post_act.is_none();
        self.act.filter(|act| ends && act.is_long())
    }

    /// Whether [`Self::finish_stored`] has something to do.
    pub fn is_late(&self) -> bool {
        self.late().is_some()
    }

    /// How many of the `lanes` lanes from `lane` on in a panel are in use; `None` if all are.
    pub fn kept(&self, lanes: usize, lane: usize, is_last_panel: bool) -> Option<usize> {
        let used = self.last_lanes.filter(|_| is_last_panel)?;
        Some(used.saturating_sub(lane)).filter(|&used| used < lanes)
    }

    /// Writes a comment on what [`Self::finish`] does. If `clears`, lanes are cleared after it.
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

    /// Finishes a tile of `cells` and stores it. What [`Self::finish_stored`] does is left to that.
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

    /// Applies a long activation to all `rows` rows of a column of tiles, which are `pitch` apart; `first` is the first row. An
    /// exponential is a chain of operations that takes some 60 cycles. One loop over many rows overlaps these chains; if each
    /// tile were finished by itself, each would wait for its last one.
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
