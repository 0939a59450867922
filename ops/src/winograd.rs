//! Winograd's minimal filtering: 3x3 convolutions of stride 1 with fewer products (Lavin and Gray, "Fast Algorithms for
//! Convolutional Neural Networks", 2016).
//!
//! A tile of `m x m` outputs reads `n x n` inputs, where `n` is `m + 2`. With a tile `d` of inputs and a filter `g`, the outputs
//! are `A' [(G g G') * (B' d B)] A`, where `*` multiplies element by element and `'` transposes. So each output channel takes
//! `n²` products an input channel where the definition takes `9 m²`.

/// How large the tiles are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Winograd {
    /// `F(2x2, 3x3)`: tiles of 2x2 outputs.
    Two,
    /// `F(4x4, 3x3)`: tiles of 4x4 outputs.
    Four,
}

/// `B'` of `F(2x2, 3x3)`, by rows.
const SOURCE_TWO: [[f64; 4]; 4] = [[1., 0., -1., 0.], [0., 1., 1., 0.], [0., -1., 1., 0.], [0., 1., 0., -1.]];
/// `G`.
const FILTER_TWO: [[f64; 3]; 4] = [[1., 0., 0.], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0., 0., 1.]];
/// `A'`.
const RESULT_TWO: [[f64; 4]; 2] = [[1., 1., 1., 0.], [0., 1., -1., -1.]];

/// `B'` of `F(4x4, 3x3)`, by rows.
const SOURCE_FOUR: [[f64; 6]; 6] = [
    [4., 0., -5., 0., 1., 0.],
    [0., -4., -4., 1., 1., 0.],
    [0., 4., -4., -1., 1., 0.],
    [0., -2., -1., 2., 1., 0.],
    [0., 2., -1., -2., 1., 0.],
    [0., 4., 0., -5., 0., 1.],
];
/// `G`.
const FILTER_FOUR: [[f64; 3]; 6] = [
    [1. / 4., 0., 0.],
    [-1. / 6., -1. / 6., -1. / 6.],
    [-1. / 6., 1. / 6., -1. / 6.],
    [1. / 24., 1. / 12., 1. / 6.],
    [1. / 24., -1. / 12., 1. / 6.],
    [0., 0., 1.],
];
/// `A'`.
const RESULT_FOUR: [[f64; 6]; 4] =
    [[1., 1., 1., 1., 1., 0.], [0., 1., -1., 2., -2., 0.], [0., 1., 1., 4., 4., 0.], [0., 1., -1., 8., -8., 1.]];

fn rows<const N: usize, const M: usize>(matrix: &'static [[f64; N]; M]) -> Vec<&'static [f64]> {
    matrix.iter().map(|row| &row[..]).collect()
}

impl Winograd {
    /// All of them.
    pub const ALL: [Self; 2] = [Winograd::Two, Winograd::Four];

    /// Rows and columns of a tile of outputs.
    pub const fn outputs(self) -> usize {
        match self {
            Winograd::Two => 2,
            Winograd::Four => 4,
        }
    }

    /// Rows and columns of the tile of inputs that it reads.
    pub const fn inputs(self) -> usize {
        self.outputs() + 2
    }

    /// How many elements a transformed tile has.
    pub const fn elements(self) -> usize {
        self.inputs() * self.inputs()
    }

    /// The rows of `B'`, which transforms the inputs.
    pub fn source(self) -> Vec<&'static [f64]> {
        match self {
            Winograd::Two => rows(&SOURCE_TWO),
            Winograd::Four => rows(&SOURCE_FOUR),
        }
    }

    /// The rows of `G`, which transforms the filter.
    pub fn filter(self) -> Vec<&'static [f64]> {
        match self {
            Winograd::Two => rows(&FILTER_TWO),
            Winograd::Four => rows(&FILTER_FOUR),
        }
    }

    /// The rows of `A'`, which transforms the products to outputs.
    pub fn result(self) -> Vec<&'static [f64]> {
        match self {
            Winograd::Two => rows(&RESULT_TWO),
            Winograd::Four => rows(&RESULT_FOUR),
        }
    }
}

/// `matrix · square · matrix'`, by rows: what a transform makes of a square of values.
pub fn both_ways(matrix: &[&[f64]], square: &[f64]) -> Vec<f64> {
    let n = square.len().isqrt();
    let dot = |row: &[f64], values: &mut dyn Iterator<Item = f64>| row.iter().zip(values).map(|(a, x)| a * x).sum::<f64>();
    let down: Vec<f64> = matrix
        .iter()
        .flat_map(|row| (0..n).map(|column| dot(row, &mut square[column..].iter().step_by(n).copied())).collect::<Vec<_>>())
        .collect();
    down.chunks_exact(n)
        .flat_map(|values| matrix.iter().map(|row| dot(row, &mut values.iter().copied())).collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One tile of each size, of numbers whose products are exact, against the definition.
    #[test]
    fn a_tile_is_a_convolution() {
        for form in Winograd::ALL {
            let (m, n) = (form.outputs(), form.inputs());
            // Multiples of 24, which G divides.
            let filter: Vec<f64> = (0..9).map(|i| f64::from((i * 7 % 11 - 5) * 24 * 24)).collect();
            let source: Vec<f64> = (0..n * n).map(|i| (i * 13 % 17) as f64 - 8.0).collect();
            let (filtered, inputs) = (both_ways(&form.filter(), &filter), both_ways(&form.source(), &source));
            let products: Vec<f64> = filtered.iter().zip(&inputs).map(|(a, b)| a * b).collect();
            let results = both_ways(&form.result(), &products);
            for y in 0..m {
                for x in 0..m {
                    let sum: f64 = (0..9).map(|tap| filter[tap] * source[(y + tap / 3) * n + x + tap % 3]).sum();
                    assert!((results[y * m + x] - sum).abs() < 1e-6, "{form:?} at {y}, {x}: {} for {sum}", results[y * m + x]);
                }
            }
        }
    }
}
