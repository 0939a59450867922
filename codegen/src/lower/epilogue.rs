//! What happens to a tile between its last multiply-add and its store.

use std::f32::consts::LOG2_E;

use sartor_models::Activation;

use crate::kernel::{Address, Binary, Builder, Reg, Value};

/// Added to a float of small magnitude, leaves its nearest integer in the low bits, with the bias of an f32's exponent on top:
/// 1.5 · 2^23 + 127.
const ROUND: f32 = 12_583_039.0;
/// ln 2 in two parts: the first has 9 bits, so that its product with an exponent is exact on levels that do not fuse too.
const LN_2: [f32; 2] = [0.693_359_4, -0.000_212_194_44];

/// Coefficients of exp(-s) on [-ln 2 / 2, ln 2 / 2], constant term first; relative error below 2^-26 (interpolation of
/// (exp(r) - 1 - r) / r^2 at Chebyshev's nodes).
const EXP: [f32; 7] = [1.0, -1.0, 0.5, -0.166_665_76, 0.041_666_552, -0.008_363_353, 0.001_392_64];

/// Coefficients of log2(e) · 2^(-s) on [-1/2, 1/2], constant term first; relative error below 2^-25, half of it that of the constant
/// (found as those above).
const POWER: [f32; 7] = [LOG2_E, -1.0, 0.346_573_6, -0.080_075_07, 0.013_875_99, -0.001_930_513_9, 0.000_222_822_58];

/// Beyond this the sigmoid is 0 or 1 to the last bit that matters, and 2^n stays a normal number.
const SIGMOID_RANGE: f32 = 87.0;
/// The same times log2(e).
const POWER_RANGE: f32 = 125.5;

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
/// 2^n · exp(-s), the latter a polynomial. All of it is multiply-adds and one division, which every level rounds alike, so that
/// every level that fuses gives the same bits.
fn sigmoid(b: &mut Builder, regs: &[Reg], scaled: bool) {
    let least = b.splat("least", -SIGMOID_RANGE);
    let most = b.splat("most", SIGMOID_RANGE);
    let round = b.splat("round", ROUND);
    let log2e = b.splat("log2e", -LOG2_E);
    let ln2 = [b.splat("ln2", LN_2[0]), b.splat("ln2_low", LN_2[1])];
    let p: Vec<Reg> = EXP.iter().enumerate().map(|(i, &value)| b.splat(format!("p{i}"), value)).collect();
    let one = p[0];
    for regs in regs.chunks(SIDE_BY_SIDE) {
        // In place, so that SiLU of a large negative number is next to zero, and not that number times sigmoid(-87).
        for &x in regs {
            b.set(x, Value::Binary(Binary::Max, least, x));
        }
        let mut each = |name: &str, value: &dyn Fn(usize) -> Value| -> Vec<Reg> {
            (0..regs.len()).map(|i| b.set_new(format!("{name}{i}"), value(i))).collect()
        };
        let arg = each("arg", &|i| Value::Binary(Binary::Min, most, regs[i]));
        let bits = each("bits", &|i| Value::Fma(arg[i], log2e, round));
        let exponent = each("exponent", &|i| Value::Binary(Binary::Sub, bits[i], round));
        let near = each("near", &|i| Value::Fma(exponent[i], ln2[0], arg[i]));
        let s = each("s", &|i| Value::Fma(exponent[i], ln2[1], near[i]));
        let mut exp = vec![p[EXP.len() - 1]; regs.len()];
        for &coefficient in p.iter().rev().skip(1) {
            exp = each("exp", &|i| Value::Fma(exp[i], s[i], coefficient));
        }
        let power = each("power", &|i| Value::PowerOfTwo(bits[i]));
        let under = each("under", &|i| Value::Fma(exp[i], power[i], one));
        for (&x, under) in regs.iter().zip(under) {
            b.set(x, Value::Binary(Binary::Div, if scaled { x } else { one }, under));
        }
    }
}

/// Applies an activation to the sums of a convolution, in place. Those of SiLU are x · log2(e), see [`factor_of_sums`](crate::layer::factor_of_sums); what
/// becomes of infinities and NaN is as in [`activate`].
fn activate_sums(b: &mut Builder, act: Option<Activation>, sums: &[Reg]) {
    if act == Some(Activation::Silu) { silu_of_sums(b, sums) } else { activate(b, act, sums) }
}

/// `z := x / (1 + 2^(-z))` where `z` is `x · log2(e)`. With n the integer nearest to -z, 2^(-z) is 2^n · 2^(-(z + n)), the latter a
/// polynomial. Nothing before that is rounded, and nothing is multiplied: the units that multiply are what limits it.
fn silu_of_sums(b: &mut Builder, sums: &[Reg]) {
    let least = b.splat("least", -POWER_RANGE);
    let most = b.splat("most", POWER_RANGE);
    let round = b.splat("round", ROUND);
    let p: Vec<Reg> = POWER.iter().enumerate().map(|(i, &value)| b.splat(format!("p{i}"), value)).collect();
    for sums in sums.chunks(SIDE_BY_SIDE) {
        // In place, as in `sigmoid`.
        for &z in sums {
            b.set(z, Value::Binary(Binary::Max, least, z));
        }
        let mut each = |name: &str, value: &dyn Fn(usize) -> Value| -> Vec<Reg> {
            (0..sums.len()).map(|i| b.set_new(format!("{name}{i}"), value(i))).collect()
        };
        let arg = each("arg", &|i| Value::Binary(Binary::Min, most, sums[i]));
        let bits = each("bits", &|i| Value::Binary(Binary::Sub, round, arg[i]));
        let exponent = each("exponent", &|i| Value::Binary(Binary::Sub, bits[i], round));
        let s = each("s", &|i| Value::Binary(Binary::Add, arg[i], exponent[i]));
        let mut exp = vec![p[POWER.len() - 1]; sums.len()];
        for &coefficient in p.iter().rev().skip(1) {
            exp = each("exp", &|i| Value::Fma(exp[i], s[i], coefficient));
        }
        let power = each("power", &|i| Value::PowerOfTwo(bits[i]));
        let under = each("under", &|i| Value::Fma(exp[i], power[i], p[0]));
        for (&z, under) in sums.iter().zip(under) {
            b.set(z, Value::Binary(Binary::Div, z, under));
        }
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
