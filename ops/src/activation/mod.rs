//! Elementwise functions. Each has a file of its own, which says all there is to know of it. This file lists them.

mod abs;
mod affine;
mod celu;
mod clip;
mod cube;
mod decay;
mod elu;
mod erf;
mod exp;
mod function;
mod gated;
mod gelu;
mod gelu_tanh;
mod hard_sigmoid;
mod hard_swish;
mod inverse_sqrt;
mod leaky_relu;
mod log;
mod mish;
mod parameter;
mod polynomial;
mod power;
mod reciprocal;
mod relu;
mod relu6;
mod scale;
mod selu;
mod sigmoid;
mod silu;
mod softplus;
mod softsign;
mod sqrt;
mod square;
mod swish;
mod tanh;
#[cfg(test)]
mod tests;
mod threshold;

use std::fmt;

use crate::Arithmetic;
use function::Function;
use scale::Scale;

pub use parameter::Parameter;

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
    /// `min(high, max(low, x))` of two ends. Either may be infinite.
    Clip(Parameter, Parameter),
    /// `min(1, max(0, alpha * x + beta))`
    HardSigmoid(Parameter, Parameter),
    /// `scale * x + shift`
    Affine(Parameter, Parameter),
    /// `max(x, -x)`
    Abs,
    /// The hyperbolic tangent.
    Tanh,
    /// The error function.
    Erf,
    /// `x` above zero, `alpha * (exp(x) - 1)` below
    Elu(Parameter),
    /// `gamma * x` above zero, `gamma * alpha * (exp(x) - 1)` below, of `alpha` and `gamma`
    Selu(Parameter, Parameter),
    /// `x` above zero, `alpha * (exp(x / alpha) - 1)` below
    Celu(Parameter),
    /// `x / (1 + exp(-beta * x))`
    Swish(Parameter),
    /// `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2`
    GeluTanh,
    /// `x * tanh(log(1 + exp(x)))`
    Mish,
    /// `log(1 + exp(x))`
    Softplus,
    /// `x / (1 + |x|)`
    Softsign,
    /// `exp(x)`
    Exp,
    /// The natural logarithm: minus infinity of zero, NaN below.
    Log,
    /// `x * x`
    Square,
    /// `x * x * x`
    Cube,
    /// `x` above a limit, zero elsewhere.
    Threshold(Parameter),
    /// The power by a number that is not whole, NaN below zero.
    Power(Parameter),
    /// The square root, NaN below zero.
    Sqrt,
    /// `1 / sqrt(x)`, NaN below zero
    InverseSqrt,
    /// `1 / x`
    Reciprocal,
}

/// Evaluates a body with the [`Function`] of an activation.
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
            Clip(low, high) => clip::Clip { low, high },
            HardSigmoid(alpha, beta) => hard_sigmoid::HardSigmoid { alpha, beta },
            Affine(scale, shift) => affine::Affine { scale, shift },
            Abs => abs::Abs,
            Tanh => tanh::Tanh,
            Erf => erf::Erf,
            Elu(alpha) => elu::Elu { alpha },
            Selu(alpha, gamma) => selu::Selu { alpha, gamma },
            Celu(alpha) => celu::Celu { alpha },
            Swish(beta) => swish::Swish { beta },
            GeluTanh => gelu_tanh::GeluTanh,
            Mish => mish::Mish,
            Softplus => softplus::Softplus,
            Softsign => softsign::Softsign,
            Exp => exp::Exp,
            Log => log::Log,
            Square => square::Square,
            Cube => cube::Cube,
            Threshold(limit) => threshold::Threshold { limit },
            Power(exponent) => power::Power { exponent },
            Sqrt => sqrt::Sqrt,
            InverseSqrt => inverse_sqrt::InverseSqrt,
            Reciprocal => reciprocal::Reciprocal,
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

/// What stands between two parameters in a word.
const BETWEEN: &str = "x";

impl Activation {
    /// All functions that are [tame](Self::tame) everywhere, for tests to check and to draw from. A function with parameters is listed
    /// with values that differ in kind.
    pub const ALL: [Self; 25] = [
        Self::Relu,
        Self::Relu6,
        Self::Silu,
        Self::Sigmoid,
        Self::HardSwish,
        Self::LeakyRelu(Parameter::new(0.01)),
        Self::LeakyRelu(Parameter::new(0.25)),
        Self::Gelu,
        Self::Clip(Parameter::new(-0.5), Parameter::new(1.25)),
        Self::Clip(Parameter::new(0.25), Parameter::new(f32::INFINITY)),
        Self::Clip(Parameter::new(f32::NEG_INFINITY), Parameter::new(0.75)),
        Self::HardSigmoid(Parameter::new(0.2), Parameter::new(0.5)),
        Self::Affine(Parameter::new(-1.0), Parameter::new(0.0)),
        Self::Affine(Parameter::new(1.5), Parameter::new(-0.5)),
        Self::Abs,
        Self::Tanh,
        Self::Erf,
        Self::Elu(Parameter::new(1.0)),
        Self::SELU,
        Self::Celu(Parameter::new(0.5)),
        Self::Swish(Parameter::new(1.702)),
        Self::GeluTanh,
        Self::Mish,
        Self::Softplus,
        Self::Softsign,
    ];

    /// All functions that are not. Tests put the [`guard`](Self::guard) in front of them.
    pub const WILD: [Self; 11] = [
        Self::Exp,
        Self::Log,
        Self::Square,
        Self::Cube,
        Self::Threshold(Parameter::new(0.25)),
        Self::Power(Parameter::new(2.75)),
        Self::Power(Parameter::new(0.34)),
        Self::Power(Parameter::new(-1.5)),
        Self::Sqrt,
        Self::InverseSqrt,
        Self::Reciprocal,
    ];

    /// The scaled exponential linear unit with the numbers of its authors (Klambauer et al., arXiv:1706.02515).
    pub const SELU: Self = Self::Selu(Parameter::new(1.673_263_2), Parameter::new(1.050_701));

    /// All functions.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Self::WILD)
    }
}

impl Activation {
    /// The function that a word names, as [`Display`](fmt::Display) prints it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::every().find_map(|activation| {
            let rest = word.strip_prefix(activation.word())?;
            let texts = rest.split(BETWEEN).filter(|_| !rest.is_empty());
            let parameters: Vec<Parameter> = texts.map(Parameter::parse).collect::<Option<_>>()?;
            activation.with(&parameters).filter(|activation| activation.is_valid())
        })
    }

    /// Its word without its parameters.
    pub fn word(self) -> &'static str {
        fn of<F: Function>(_: F) -> &'static str {
            F::WORD
        }
        function!(self, function => of(function))
    }

    /// Its parameters.
    pub fn parameters(self) -> Vec<Parameter> {
        function!(self, function => function.parameters())
    }

    /// Whether there is such a function: whether its parameters are among those that it can have.
    pub fn is_valid(self) -> bool {
        function!(self, function => function.is_valid())
    }

    /// The same function with other parameters; `None` if it has another number of them.
    fn with(self, parameters: &[Parameter]) -> Option<Self> {
        match (self, parameters) {
            (Self::LeakyRelu(_), &[slope]) => Some(Self::LeakyRelu(slope)),
            (Self::Clip(..), &[low, high]) => Some(Self::Clip(low, high)),
            (Self::HardSigmoid(..), &[alpha, beta]) => Some(Self::HardSigmoid(alpha, beta)),
            (Self::Affine(..), &[scale, shift]) => Some(Self::Affine(scale, shift)),
            (Self::Elu(_), &[alpha]) => Some(Self::Elu(alpha)),
            (Self::Selu(..), &[alpha, gamma]) => Some(Self::Selu(alpha, gamma)),
            (Self::Celu(_), &[alpha]) => Some(Self::Celu(alpha)),
            (Self::Swish(_), &[beta]) => Some(Self::Swish(beta)),
            (Self::Threshold(_), &[limit]) => Some(Self::Threshold(limit)),
            (Self::Power(_), &[exponent]) => Some(Self::Power(exponent)),
            (other, []) if other.parameters().is_empty() => Some(other),
            _ => None,
        }
    }

    /// Its definition in f64. NaN stays NaN.
    pub fn at(self, x: f64) -> f64 {
        function!(self, function => function.at(x))
    }

    /// Applies it to every vector, in place.
    #[inline(always)]
    pub fn apply<A: Arithmetic>(self, arithmetic: &mut A, vectors: &mut [A::Vector]) {
        function!(self, function => {
            for vector in vectors {
                *vector = function.compute(arithmetic, vector);
            }
        });
    }

    /// The ends between which it clamps, if clamping is all that it does.
    pub fn clamp(self) -> Option<(f32, f32)> {
        function!(self, function => function.clamp())
    }

    /// Whether it takes so many operations that computing it for a few vectors alone does not keep a core's units busy.
    pub fn is_long(self) -> bool {
        function!(self, function => function.operations() >= 16)
    }

    /// Whether its result for zero is zero and no negative zero, so that pad lanes stay as they are, whether they are computed or
    /// not.
    pub fn keeps_zero(self) -> bool {
        self.at(0.0).to_bits() == 0.0_f64.to_bits()
    }

    /// Whether its slope exceeds one in magnitude anywhere, so that an error of the argument grows.
    pub fn stretches(self) -> bool {
        self.slope(f64::INFINITY) > 1.0
    }

    /// The ends between which its slope and its results are moderate. Tests draw arguments between them.
    pub fn tame(self) -> (f32, f32) {
        function!(self, function => function.tame())
    }

    /// The clamp between its [`tame`](Self::tame) ends; `None` if all arguments are between them.
    pub fn guard(self) -> Option<Self> {
        let (low, high) = self.tame();
        let ends = low > f32::NEG_INFINITY || high < f32::INFINITY;
        ends.then_some(Self::Clip(Parameter::new(low), Parameter::new(high)))
    }

    /// The largest magnitude of its slope for arguments of at most `max` in magnitude. An error of the argument grows by at most
    /// this factor. If the slope is infinite at zero, this holds for arguments from the lower end of [`tame`](Self::tame) on.
    pub fn slope(self, max: f64) -> f64 {
        function!(self, function => function.slope(max))
    }

    /// An upper bound of the magnitude of its results, for arguments of at most `max` in magnitude. If it has a pole at zero,
    /// this holds for arguments from the lower end of [`tame`](Self::tame) on.
    pub fn largest(self, max: f64) -> f64 {
        function!(self, function => function.largest(max))
    }

    /// The error that its own roundings make in f32, in epsilons (distances from 1 to the next f32) of its
    /// [`largest`](Self::largest) result; zero if it does not round.
    pub fn roundings(self) -> f64 {
        function!(self, function => function.roundings())
    }

    /// The value that its error is relative to, for a single argument and its result.
    pub fn scale(self, argument: f64, result: f64) -> f64 {
        match function!(self, function => function.scale()) {
            Scale::Result => result.abs(),
            Scale::Largest => self.largest(argument.abs()),
        }
    }

    /// Whether its results in f32 are exactly those of the definition, except for underflow.
    pub fn is_exact(self) -> bool {
        self.roundings() == 0.0
    }

    /// How much finer the results are than the arguments, if it does not round: arguments that are multiples of `s` give results
    /// that are multiples of `s` times this number. `None` if it rounds.
    pub fn step(self) -> Option<f64> {
        function!(self, function => function.step())
    }

    /// The mean square of its results, if its arguments have a normal distribution about zero with the mean square `of`. If
    /// `rectified`, the arguments have been through a rectifier before.
    pub fn mean_square(self, of: f64, rectified: bool) -> f64 {
        function!(self, function => function.mean_square(of, rectified))
    }
}

/// Its word, with its parameters, as an identifier. It holds no underscore, which separates the words of a kernel's name.
impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters: Vec<String> = self.parameters().iter().map(Parameter::to_string).collect();
        write!(f, "{}{}", self.word(), parameters.join(BETWEEN))
    }
}
