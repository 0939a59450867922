//! `scale * x + shift`

use super::function::Function;
use super::{Parameter, Scale};
use crate::Arithmetic;

/// A product with a number, and a number that is added.
#[derive(Clone, Copy)]
pub struct Affine {
    /// What arguments are multiplied by.
    pub scale: Parameter,
    /// What is added to the products.
    pub shift: Parameter,
}

impl Function for Affine {
    const WORD: &'static str = "affine";

    fn parameters(&self) -> Vec<Parameter> {
        vec![self.scale, self.shift]
    }

    /// Without a number that is added, a product may be a negative zero.
    fn at(&self, x: f64) -> f64 {
        let product = f64::from(self.scale.value()) * x;
        if self.shift.value() == 0.0 { product } else { product + f64::from(self.shift.value()) }
    }

    #[inline(always)]
    fn compute<A: Arithmetic>(&self, a: &mut A, x: &A::Vector) -> A::Vector {
        let scale = a.constant("scale", self.scale.value());
        if self.shift.value() == 0.0 {
            return a.mul(x, &scale);
        }
        let shift = a.constant("shift", self.shift.value());
        if self.scale.value() == 1.0 { a.add(x, &shift) } else { a.fma(x, &scale, &shift) }
    }

    fn operations(&self) -> usize {
        1
    }

    fn slope(&self, _: f64) -> f64 {
        f64::from(self.scale.value()).abs()
    }

    fn largest(&self, max: f64) -> f64 {
        self.slope(max) * max + f64::from(self.shift.value()).abs()
    }

    /// The product and the sum round (half an epsilon each), doubled.
    fn roundings(&self) -> f64 {
        match self.step() {
            Some(_) => 0.0,
            None if self.shift.value() == 0.0 || self.scale.value().abs() == 1.0 => 1.0,
            None => 2.0,
        }
    }

    /// The sum may cancel.
    fn scale(&self) -> Scale {
        Scale::Largest
    }

    fn step(&self) -> Option<f64> {
        if self.shift.value() == 0.0 { self.scale.step() } else { None }
    }
}
