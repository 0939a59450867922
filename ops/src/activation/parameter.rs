//! A parameter of an activation.

use std::fmt;

/// An f32, stored as its bits so that types that hold it can be compared, ordered and hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Parameter(u32);

impl Parameter {
    /// The parameter of a value.
    pub const fn new(value: f32) -> Self {
        Self(value.to_bits())
    }

    /// The value.
    pub const fn value(self) -> f32 {
        f32::from_bits(self.0)
    }

    /// How much finer its products are than the other factors, as [`step`](super::Activation::step) says, if products do not round:
    /// if it is zero or a power of two, which only changes the exponent.
    pub fn step(self) -> Option<f64> {
        let size = f64::from(self.value()).abs();
        let moves_exponent = size.is_normal() && size.to_bits() << 12 == 0;
        if size == 0.0 { Some(1.0) } else { moves_exponent.then_some(size.min(1.0)) }
    }

    /// The parameter that a text stands for; `None` if the text is not what [`Display`](fmt::Display) prints.
    pub fn parse(text: &str) -> Option<Self> {
        let value = text.replace('p', ".").replace('m', "-").parse().ok()?;
        Some(Self::new(value)).filter(|parameter| !value.is_nan() && parameter.to_string() == text)
    }
}

/// Prints it as a part of an identifier: the shortest decimal number that is read back as this value, with `p` for its point and
/// `m` for a minus. Infinity is `inf`.
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", format!("{:?}", self.value()).replace('.', "p").replace('-', "m"))
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read() {
        for value in [0.0, -0.0, 0.01, 0.25, -1.5, 1e-30, 3e38, f32::MIN_POSITIVE / 2.0, f32::INFINITY, f32::NEG_INFINITY] {
            let parameter = Parameter::new(value);
            let text = parameter.to_string();
            assert!(text.chars().all(|c| c.is_ascii_alphanumeric()), "{text}");
            assert_eq!(Parameter::parse(&text), Some(parameter), "{text}");
        }
        assert_eq!(Parameter::new(0.01).to_string(), "0p01");
        assert_eq!(Parameter::new(f32::NEG_INFINITY).to_string(), "minf");
        for text in ["", "0", "0.01", "00p1", "NaN", "infinity", "1p0e0", "0p10", "+1p0"] {
            assert_eq!(Parameter::parse(text), None, "{text}");
        }
    }
}
