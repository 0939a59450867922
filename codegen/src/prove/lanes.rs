//! What the padding proof knows of registers: which lanes hold a constant. The constant that matters most is zero.

use crate::ir::kernel::Binary;

/// A register. Some of its lanes may be known to hold a constant, whatever the data, as long as the data are finite.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lanes {
    /// Bit `i` says that lane `i` is `values[i]`.
    known: u16,
    /// The known lanes that are zero, with either sign.
    zero: u16,
    values: [f32; 16],
}

impl Lanes {
    /// A register that holds a constant in the lanes of a mask. The others are unknown.
    pub fn splat(value: f32, lanes: u16) -> Self {
        let mut splat = Self::default();
        splat.set(lanes, |_| value);
        splat
    }

    /// A register that holds zero in the lanes of a mask. The others are unknown.
    pub fn zero_in(lanes: u16) -> Self {
        Self { known: lanes, zero: lanes, values: [0.0; 16] }
    }

    /// The lanes that are zero.
    pub fn zeros(&self) -> u16 {
        self.zero
    }

    /// Makes the lanes of a mask known.
    fn set(&mut self, lanes: u16, value: impl Fn(usize) -> f32) {
        let mut rest = lanes;
        while rest != 0 {
            let i = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            let value = value(i);
            if !value.is_nan() {
                self.known |= 1 << i;
                self.zero |= u16::from(value == 0.0) << i;
                self.values[i] = if value == 0.0 { 0.0 } else { value };
            }
        }
    }

    /// What is known of both registers alike.
    pub fn join(&self, other: &Self) -> Self {
        let mut joined = Self::zero_in(self.zero & other.zero);
        let same = |i: usize| if self.values[i] == other.values[i] { self.values[i] } else { f32::NAN };
        joined.set(self.known & other.known & !joined.zero, same);
        joined
    }

    /// An operation lane by lane.
    pub fn binary(op: Binary, a: &Self, b: &Self) -> Self {
        let mut result = Self::zero_in(if matches!(op, Binary::Mul | Binary::Keep) { a.zero | b.zero } else { 0 });
        result.set(a.known & b.known & !result.zero, |i| op.apply(a.values[i], b.values[i]));
        result
    }

    /// `a * b + c`. Whether it is rounded once does not matter where it is zero.
    pub fn fma(a: &Self, b: &Self, c: &Self) -> Self {
        let product = a.zero | b.zero;
        let mut result = Self::zero_in(product & c.zero);
        result.set(product & c.known & !c.zero, |i| c.values[i]);
        result.set(a.known & b.known & c.known & !product, |i| a.values[i].mul_add(b.values[i], c.values[i]));
        result
    }

    /// A function of each lane.
    pub fn each(&self, function: impl Fn(f32) -> f32) -> Self {
        let mut result = Self::default();
        result.set(self.known, |i| function(self.values[i]));
        result
    }

    /// The first lanes of the register, and zeros in the others.
    pub fn first(&self, kept: usize) -> Self {
        let first = u16::try_from((1_u32 << kept) - 1).unwrap_or(u16::MAX);
        let mut result = Self::zero_in(!first | self.zero);
        result.set(self.known & first & !self.zero, |i| self.values[i]);
        result
    }
}
