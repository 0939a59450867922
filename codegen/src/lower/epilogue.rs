//! What happens to a tile between its last multiply-add and its store.

use std::f32::consts::LOG2_E;

use sartor_models::Activation;

use crate::ir::kernel::{Address, Base, Binary, Builder, Reg, Value};

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
    match act {
        None => {}
        Some(Activation::Relu) => {
            let zero = b.splat("zero", 0.0);
            for &x in regs {
                b.set(x, Value::Binary(Binary::Max, zero, x));
            }
        }
        Some(Activation::Relu6) => {
            let zero = b.splat("zero", 0.0);
            let six = b.splat("six", 6.0);
            for &x in regs {
                b.set(x, Value::Binary(Binary::Max, zero, x));
                b.set(x, Value::Binary(Binary::Min, six, x));
            }
        }
        Some(Activation::Silu) => sigmoid(b, regs, true),
        Some(Activation::Sigmoid) => sigmoid(b, regs, false),
    }
}

/// `x := 1 / (1 + exp(-x))`, times `x` if `scaled`. With n the integer nearest to -x / ln 2 and s = x + n ln 2, exp(-x) is
/// 2^n · exp(-s).
fn sigmoid(b: &mut Builder, regs: &[Reg], scaled: bool) {
    let round = b.splat("round", ROUND);
    let log2e = b.splat("log2e", -LOG2_E);
    let ln2 = [b.splat("ln2", LN_2[0]), b.splat("ln2_low", LN_2[1])];
    logistic(b, regs, &NATURAL, scaled, |b, arg| {
        let bits = each(b, arg, "bits", |_, arg| Value::Fma(arg, log2e, round));
        let exponent = each(b, &bits, "exponent", |_, bits| Value::Binary(Binary::Sub, bits, round));
        let near = each(b, &exponent, "near", |i, exponent| Value::Fma(exponent, ln2[0], arg[i]));
        let s = each(b, &exponent, "s", |i, exponent| Value::Fma(exponent, ln2[1], near[i]));
        (bits, s)
    });
}

/// Applies an activation to the sums of a convolution, in place. Those of SiLU are x · log2(e), see
/// [`factor_of_sums`](crate::network::layers::factor_of_sums); what becomes of infinities and NaN is as in [`activate`].
fn activate_sums(b: &mut Builder, act: Option<Activation>, sums: &[Reg]) {
    if act == Some(Activation::Silu) { silu_of_sums(b, sums) } else { activate(b, act, sums) }
}

/// `z := x / (1 + 2^(-z))` where `z` is `x · log2(e)`. With n the multiple of an eighth nearest to -z and s = z + n, 2^(-z) is
/// 2^n · 2^(-s). Nothing before the polynomial is rounded, and nothing is multiplied: the units that multiply are what limits it.
fn silu_of_sums(b: &mut Builder, sums: &[Reg]) {
    let round = b.splat("round", ROUND_TO_EIGHTH);
    logistic(b, sums, &BINARY, true, |b, arg| {
        let bits = each(b, arg, "bits", |_, arg| Value::Binary(Binary::Sub, round, arg));
        let exponent = each(b, &bits, "exponent", |_, bits| Value::Binary(Binary::Sub, bits, round));
        let s = each(b, &exponent, "s", |i, exponent| Value::Binary(Binary::Add, arg[i], exponent));
        (bits, s)
    });
}

/// `x := one / (one + base^n · p(s))`, with `x` above the line if `scaled`. `reduce` makes of arguments within the range floats that hold
/// n in their low bits, and s. It ends in multiply-adds and one division, which every level rounds alike, so that every
/// level that fuses gives the same bits.
fn logistic(
    b: &mut Builder,
    regs: &[Reg],
    exponential: &Exponential,
    scaled: bool,
    reduce: impl Fn(&mut Builder, &[Reg]) -> (Vec<Reg>, Vec<Reg>),
) {
    let &Exponential { base, range, p, one } = exponential;
    let least = b.splat("least", -range);
    let most = b.splat("most", range);
    let one = b.splat("one", one);
    let p: Vec<Reg> = p.iter().enumerate().map(|(i, &value)| b.splat(format!("p{i}"), value)).collect();
    for regs in regs.chunks(SIDE_BY_SIDE) {
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

/// New registers, one for each of `from`.
fn each(b: &mut Builder, from: &[Reg], name: &str, value: impl Fn(usize, Reg) -> Value) -> Vec<Reg> {
    from.iter().enumerate().map(|(i, &reg)| b.set_new(format!("{name}{i}"), value(i, reg))).collect()
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

/// Whether an activation is a few dozen operations.
fn is_long(act: Option<Activation>) -> bool {
    matches!(act, Some(Activation::Silu | Activation::Sigmoid))
}

impl Epilogue {
    /// An activation that waits until all tiles are stored.
    fn late(&self) -> Option<Activation> {
        let ends = !self.blend && self.shortcut.is_none() && self.post_act.is_none();
        self.act.filter(|_| ends && is_long(self.act))
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
