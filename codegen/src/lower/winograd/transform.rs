//! Multiplies vectors of registers by the small constant matrices of the transforms, with few operations.

use crate::ir::kernel::{Binary, Builder, Reg, Value};

/// A register, or nothing where it would be zero.
pub type Term = Option<Reg>;

/// Writes the products of matrices and vectors of registers. Each new register gets a name of its own.
pub struct Transform<'a> {
    b: &'a mut Builder,
    prefix: &'static str,
    made: usize,
    constants: Vec<(f64, Reg)>,
}

impl<'a> Transform<'a> {
    /// New registers are named with this prefix.
    pub fn new(b: &'a mut Builder, prefix: &'static str) -> Self {
        Self { b, prefix, made: 0, constants: Vec::new() }
    }

    /// `matrix · columns · matrix'` for a square of values, `square[row][column]`; `wanted` are the rows and the columns of the result
    /// that are needed.
    pub fn both_ways(&mut self, matrix: &[&[f64]], square: &[Vec<Term>], wanted: (usize, usize)) -> Vec<Vec<Term>> {
        let columns = square[0].len();
        let down: Vec<Vec<Term>> = (0..columns)
            .map(|column| self.product(&matrix[..wanted.0], &square.iter().map(|row| row[column]).collect::<Vec<_>>()))
            .collect();
        let across = |row: usize| down.iter().map(|column| column[row]).collect::<Vec<_>>();
        (0..wanted.0).map(across).collect::<Vec<_>>().iter().map(|row| self.product(&matrix[..wanted.1], row)).collect()
    }

    /// `matrix · terms`. Sums and differences that two columns or two rows of the matrix share are computed once.
    fn product(&mut self, matrix: &[&[f64]], terms: &[Term]) -> Vec<Term> {
        let (matrix, terms) = self.fold_columns(matrix, terms);
        let mut results = Vec::with_capacity(matrix.len());
        while results.len() < matrix.len() {
            let row = &matrix[results.len()];
            match matrix.get(results.len() + 1).filter(|next| mirrored(row, next)) {
                Some(next) => {
                    let part = |same: bool| row.iter().zip(next).map(move |(a, b)| if (a == b) == same { *a } else { 0.0 });
                    let same = self.sum(&part(true).collect::<Vec<_>>(), &terms);
                    let opposite = self.sum(&part(false).collect::<Vec<_>>(), &terms);
                    results.push(self.binary(Binary::Add, same, opposite));
                    results.push(self.binary(Binary::Sub, same, opposite));
                }
                None => results.push(self.sum(row, &terms)),
            }
        }
        results
    }

    /// Replaces neighbouring terms, whose coefficients are the same in some rows and opposite in the others, by their sum and their
    /// difference.
    fn fold_columns(&mut self, matrix: &[&[f64]], terms: &[Term]) -> (Vec<Vec<f64>>, Vec<Term>) {
        let mut folded: Vec<Vec<f64>> = matrix.iter().map(|row| row.to_vec()).collect();
        let mut terms = terms.to_vec();
        let mut at = 0;
        while at + 1 < terms.len() {
            let pairs = || matrix.iter().map(|row| (row[at], row[at + 1])).filter(|&pair| pair != (0.0, 0.0));
            let is_pair = pairs().all(|(a, b)| a.abs() == b.abs()) && pairs().filter(|(a, b)| a == b).count() > 1;
            if !is_pair {
                at += 1;
                continue;
            }
            let (a, b) = (terms[at], terms[at + 1]);
            let differs = pairs().any(|(a, b)| a != b);
            terms[at] = self.binary(Binary::Add, a, b);
            terms[at + 1] = if differs { self.binary(Binary::Sub, a, b) } else { None };
            for row in &mut folded {
                let same = row[at] == row[at + 1];
                let factor = row[at];
                (row[at], row[at + 1]) = if same { (factor, 0.0) } else { (0.0, factor) };
            }
            at += 2;
        }
        (folded, terms)
    }

    /// The sum of terms by their coefficients.
    fn sum(&mut self, coefficients: &[f64], terms: &[Term]) -> Term {
        let mut rest: Vec<(f64, Reg)> = coefficients
            .iter()
            .zip(terms)
            .filter_map(|(&factor, term)| Some((factor, (*term)?)))
            .filter(|(f, _)| *f != 0.0)
            .collect();
        // A term that is taken as it is comes first, and costs nothing.
        let first = rest.iter().position(|(factor, _)| *factor == 1.0).unwrap_or(0);
        if rest.is_empty() {
            return None;
        }
        let (factor, reg) = rest.remove(first);
        let mut sum = if factor == 1.0 { reg } else { self.times(factor, reg) };
        for (factor, reg) in rest {
            sum = match factor {
                1.0 => self.result(Value::Binary(Binary::Add, sum, reg)),
                -1.0 => self.result(Value::Binary(Binary::Sub, sum, reg)),
                _ => {
                    let factor = self.constant(factor);
                    self.result(Value::Fma(factor, reg, sum))
                }
            };
        }
        Some(sum)
    }

    fn binary(&mut self, op: Binary, a: Term, b: Term) -> Term {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.result(Value::Binary(op, a, b))),
            (None, Some(b)) if op == Binary::Sub => Some(self.times(-1.0, b)),
            (a, b) => a.or(b),
        }
    }

    fn times(&mut self, factor: f64, reg: Reg) -> Reg {
        let factor = self.constant(factor);
        self.result(Value::Binary(Binary::Mul, reg, factor))
    }

    fn constant(&mut self, value: f64) -> Reg {
        if let Some(&(_, reg)) = self.constants.iter().find(|(known, _)| *known == value) {
            return reg;
        }
        let sign = if value < 0.0 { "minus" } else { "by" };
        let reg = self.b.splat(format!("{sign}{}", value.abs()), value as f32);
        self.constants.push((value, reg));
        reg
    }

    fn result(&mut self, value: Value) -> Reg {
        self.made += 1;
        self.b.set_new(format!("{}{}", self.prefix, self.made), value)
    }
}

/// Whether two rows have the same coefficients, of which some have the same sign, and others not.
fn mirrored(a: &[f64], b: &[f64]) -> bool {
    let both = || a.iter().zip(b).filter(|pair| *pair != (&0.0, &0.0));
    both().all(|(a, b)| a.abs() == b.abs()) && both().any(|(a, b)| a == b) && both().any(|(a, b)| a != b)
}
