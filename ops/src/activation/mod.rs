//! Elementwise functions. Each has a file of its own, which says all there is to know of it; this one lists them.

mod function;
mod gelu;
mod hard_swish;
mod leaky_relu;
mod parameter;
mod relu;
mod relu6;
mod scale;
mod sigmoid;
mod silu;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::Arithmetic;
use function::Function;

pub use parameter::Parameter;
pub use scale::Scale;

/// An elementwise function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Activation {
    /// `max(0, x)`
    Relu,
    /// `min(6, max(0, x))`
    Relu6,
    /// `x / (1 + exp(-x))`
    Silu,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `x * min(6, max(0, x + 3)) / 6`
    HardSwish,
    /// `max(0, x) + slope * min(0, x)`
    LeakyRelu(Parameter),
    /// `x * (1 + erf(x / sqrt(2))) / 2`
    Gelu,
}

/// The body for the [`Function`] of an activation.
macro_rules! function {
    ($activation:expr, $function:ident => $body:expr) => {{
        use Activation::*;
        function!(@match $activation, $function, $body;
            Relu => relu::Relu,
            Relu6 => relu6::Relu6,
            Silu => silu::Silu,
            Sigmoid => sigmoid::Sigmoid,
            HardSwish => hard_swish::HardSwish,
            LeakyRelu(slope) => leaky_relu::LeakyRelu { slope },
            Gelu => gelu::Gelu,
        )
    }};
    (@match $activation:expr, $function:ident, $body:expr; $($of:pat => $is:expr,)*) => {
        match $activation {
            $($of => {
                let $function = $is;
                $body
            })*
        }
    };
}

impl Activation {
    /// All functions: what tests check and draw from. Those with a parameter are there with values that differ in kind.
    pub const ALL: [Self; 8] = [
        Self::Relu,
        Self::Relu6,
        Self::Silu,
        Self::Sigmoid,
        Self::HardSwish,
        Self::LeakyRelu(Parameter::new(0.01)),
        Self::LeakyRelu(Parameter::new(0.25)),
        Self::Gelu,
    ];
}

impl Activation {
    /// The function of a word, as [`Display`](fmt::Display) prints it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|activation| {
            let rest = word.strip_prefix(activation.word())?;
            match activation.parameter() {
                None => rest.is_empty().then_some(activation),
                Some(_) => Parameter::parse(rest).map(|parameter| activation.with(parameter)),
            }
        })
    }

    /// Its word without its parameter.
    pub fn word(self) -> &'static str {
        fn of<F: Function>(_: F) -> &'static str {
            F::WORD
        }
        function!(self, function => of(function))
    }

    /// Its parameter, if it has one.
    pub fn parameter(self) -> Option<Parameter> {
        function!(self, function => function.parameter())
    }

    /// It with another parameter, if it has one.
    fn with(self, parameter: Parameter) -> Self {
        match self {
            Self::LeakyRelu(_) => Self::LeakyRelu(parameter),
            other => other,
        }
    }

    /// Its definition in f64. NaN stays NaN.
    pub fn at(self, x: f64) -> f64 {
        function!(self, function => function.at(x))
    }

    /// Computes it of every vector.
    #[inline(always)]
    pub fn apply<A: Arithmetic>(self, arithmetic: &mut A, vectors: &mut [A::Vector]) {
        function!(self, function => {
            for vector in vectors {
                *vector = function.compute(arithmetic, vector);
            }
        });
    }

    /// The ends between which it clamps, if that is all it does.
    pub fn clamp(self) -> Option<(f32, f32)> {
        function!(self, function => function.clamp())
    }

    /// Whether it takes so many operations that a few vectors by themselves do not fill a core's units.
    pub fn is_long(self) -> bool {
        function!(self, function => function.operations() >= 16)
    }

    /// Whether it makes zero of zero, so that pad lanes stay zero.
    pub fn keeps_zero(self) -> bool {
        self.at(0.0) == 0.0
    }

    /// Whether somewhere results grow faster than arguments.
    pub fn stretches(self) -> bool {
        self.slope() > 1.0
    }

    /// Its largest slope in magnitude: what an error of the argument is multiplied by, at most.
    pub fn slope(self) -> f64 {
        function!(self, function => function.slope())
    }

    /// Its largest magnitude over arguments of at most `max`, or more.
    pub fn largest(self, max: f64) -> f64 {
        function!(self, function => function.largest(max))
    }

    /// Its own error in f32, in epsilons (distances from 1 to the next f32) of its [`largest`](Self::largest) result; zero if it does not
    /// round.
    pub fn roundings(self) -> f64 {
        function!(self, function => function.roundings())
    }

    /// What its error is small beside, value by value.
    pub fn scale(self) -> Scale {
        function!(self, function => function.scale())
    }

    /// Whether results in f32 are those of the definition, but for underflow.
    pub fn is_exact(self) -> bool {
        self.roundings() == 0.0
    }

    /// How much finer results are than their arguments, if it rounds nothing: of multiples of `s` it makes multiples of `s` times this.
    pub fn step(self) -> Option<f64> {
        function!(self, function => function.step())
    }

    /// The mean square of its results for arguments of a normal distribution about zero whose mean square is `of`, or for what was
    /// `rectified` before.
    pub fn mean_square(self, of: f64, rectified: bool) -> f64 {
        function!(self, function => function.mean_square(of, rectified))
    }
}

/// Its word: an identifier, with its parameter.
impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        self.parameter().map_or(Ok(()), |parameter| write!(f, "{parameter}"))
    }
}
