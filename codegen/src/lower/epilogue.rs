//! What happens to a tile between its last multiply-add and its store.

use sartor_models::Activation;

use crate::kernel::{Address, Binary, Builder, Reg, Value};

/// Added to a float of small magnitude, leaves its nearest integer in the low bits: 1.5 · 2^23.
const ROUND: f32 = 12_582_912.0;
const LOG2_E: f64 = std::f64::consts::LOG2_E;

/// Coefficients of 2^f on [-1/2, 1/2], constant term first; relative error below 2^-24 (minimax fit).
const EXP2: [f32; 7] =
    [1.0, std::f32::consts::LN_2, 0.240_226_46, 0.055_503_324, 0.009_618_437, 0.001_339_887_5, 0.000_153_533_62];

/// Beyond this the sigmoid is 0 or 1 to the last bit that matters, and 2^n stays a normal number.
const SIGMOID_RANGE: f32 = 87.0;

/// Applies an activation to registers, in place. A NaN stays one.
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

/// `x := 1 / (1 + exp(-x))`, times `x` if `scaled`: 2^n · 2^f as a polynomial, then a reciprocal by two cubic steps of
/// Newton's kind (r + r(e + e²), e = 1 - d·r), all of it multiply-adds, so that every level that fuses gives the same bits.
fn sigmoid(b: &mut Builder, regs: &[Reg], scaled: bool) {
    let high = -LOG2_E as f32;
    let low = (-LOG2_E - f64::from(high)) as f32;
    let least = b.splat("least", -SIGMOID_RANGE);
    let most = b.splat("most", SIGMOID_RANGE);
    let round = b.splat("round", ROUND);
    let log2e = b.splat("log2e", high);
    let log2e_low = b.splat("log2e_low", low);
    let one = b.splat("one", 1.0);
    let zero = b.splat("zero", 0.0);
    let coefficients: Vec<Reg> = (1..EXP2.len()).map(|i| b.splat(format!("p{i}"), EXP2[i])).collect();
    for &x in regs {
        let arg = b.set_new("arg", Value::Binary(Binary::Max, least, x));
        b.set(arg, Value::Binary(Binary::Min, most, arg));
        let bits = b.set_new("bits", Value::Fma(arg, log2e, round));
        let fraction = b.set_new("fraction", Value::Binary(Binary::Sub, round, bits));
        b.set(fraction, Value::Fma(arg, log2e, fraction));
        b.set(fraction, Value::Fma(arg, log2e_low, fraction));
        let power = b.set_new("power", Value::Copy(coefficients[coefficients.len() - 1]));
        for &coefficient in coefficients.iter().rev().skip(1) {
            b.set(power, Value::Fma(power, fraction, coefficient));
        }
        b.set(power, Value::Fma(power, fraction, one));
        b.set(power, Value::Binary(Binary::Scale, power, bits));
        let sum = b.set_new("sum", Value::Binary(Binary::Add, one, power));
        let inverse = b.set_new("inverse", Value::RecipGuess(sum));
        b.set(sum, Value::Binary(Binary::Sub, zero, sum));
        for step in 0..2 {
            let error = b.set_new(format!("error{step}"), Value::Fma(sum, inverse, one));
            b.set(error, Value::Fma(error, error, error));
            b.set(inverse, Value::Fma(inverse, error, inverse));
        }
        b.set(x, if scaled { Value::Binary(Binary::Mul, x, inverse) } else { Value::Copy(inverse) });
    }
}

/// What a convolution does with its sums; the order is that of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Epilogue {
    /// Applied first.
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

impl Epilogue {
    /// Finishes a tile and stores it.
    pub fn finish(&self, b: &mut Builder, cells: &[Cell]) {
        let regs: Vec<Reg> = cells.iter().map(|cell| cell.reg).collect();
        activate(b, self.act, &regs);
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
}
