//! Arithmetic on two maps, element by element.

/// An operation on an element `a` of the first map and the element `b` of the second that meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `b - a`
    SubFrom,
    /// `a * b`
    Mul,
    /// `a / b`
    Div,
    /// `b / a`
    DivInto,
    /// The larger of both; NaN if one is NaN.
    Max,
    /// The smaller of both; NaN if one is NaN.
    Min,
    /// One where `a > b`, zero elsewhere.
    Greater,
    /// One where `a < b`, zero elsewhere.
    Less,
    /// One where `a >= b`, zero elsewhere.
    AtLeast,
    /// One where `a <= b`, zero elsewhere.
    AtMost,
    /// `a` where `b > 0`, zero elsewhere, whatever `a` is there.
    Keep,
}

impl Arithmetic {
    /// All operations.
    pub const ALL: [Self; 13] = [
        Self::Add,
        Self::Sub,
        Self::SubFrom,
        Self::Mul,
        Self::Div,
        Self::DivInto,
        Self::Max,
        Self::Min,
        Self::Greater,
        Self::Less,
        Self::AtLeast,
        Self::AtMost,
        Self::Keep,
    ];

    /// Its word in problem lines and names of kernels. `add` is [`Op::Add`](crate::Op::Add).
    pub const fn word(self) -> &'static str {
        match self {
            Self::Add => "plus",
            Self::Sub => "sub",
            Self::SubFrom => "subfrom",
            Self::Mul => "mul",
            Self::Div => "div",
            Self::DivInto => "divinto",
            Self::Max => "maximum",
            Self::Min => "minimum",
            Self::Greater => "greater",
            Self::Less => "less",
            Self::AtLeast => "atleast",
            Self::AtMost => "atmost",
            Self::Keep => "keep",
        }
    }

    /// The operation with this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.word() == word)
    }

    /// Whether it divides.
    pub const fn divides(self) -> bool {
        matches!(self, Self::Div | Self::DivInto)
    }

    /// The operation with its operands exchanged; `None` if there is none.
    pub const fn mirrored(self) -> Option<Self> {
        Some(match self {
            Self::Add | Self::Mul | Self::Max | Self::Min => self,
            Self::Sub => Self::SubFrom,
            Self::SubFrom => Self::Sub,
            Self::Div => Self::DivInto,
            Self::DivInto => Self::Div,
            Self::Greater => Self::Less,
            Self::Less => Self::Greater,
            Self::AtLeast => Self::AtMost,
            Self::AtMost => Self::AtLeast,
            Self::Keep => return None,
        })
    }

    /// Whether it compares: its results are one and zero.
    pub const fn compares(self) -> bool {
        matches!(self, Self::Greater | Self::Less | Self::AtLeast | Self::AtMost)
    }

    /// Whether it rounds nothing.
    pub const fn is_exact(self) -> bool {
        self.compares() || matches!(self, Self::Max | Self::Min | Self::Keep)
    }

    /// Its value in f64.
    pub fn at(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::SubFrom => b - a,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::DivInto => b / a,
            Self::Max if a > b || a.is_nan() => a,
            Self::Min if a < b || a.is_nan() => a,
            Self::Max | Self::Min => b,
            Self::Greater => f64::from(u8::from(a > b)),
            Self::Less => f64::from(u8::from(a < b)),
            Self::AtLeast => f64::from(u8::from(a >= b)),
            Self::AtMost => f64::from(u8::from(a <= b)),
            Self::Keep if b > 0.0 => a,
            Self::Keep => 0.0,
        }
    }
}

/// Which elements of the first map meet an element of the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spread {
    /// The one in the same place: both maps have the same shape.
    Map,
    /// Its channel: the second map is `c x 1 x 1`, a gate.
    Gate,
    /// Its pixel: the second map is `1 x h x w`.
    Pixel,
    /// All: the second map is `1 x 1 x 1`.
    One,
}

impl Spread {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Map, Self::Gate, Self::Pixel, Self::One];

    /// How a map whose channels, rows and columns are `b` meets one of `a`; `None` if it does not fit.
    pub fn of(a: [usize; 3], b: [usize; 3]) -> Option<Self> {
        let [c, h, w] = a;
        let shapes = [[c, 1, 1], a, [1, h, w], [1, 1, 1]];
        let index = shapes.iter().position(|&shape| shape == b)?;
        Some([Self::Gate, Self::Map, Self::Pixel, Self::One][index])
    }

    /// Its word in problem lines and names of kernels.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Gate => "gate",
            Self::Pixel => "pixel",
            Self::One => "one",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_word_of_its_own() {
        assert!(Arithmetic::ALL.iter().all(|&op| Arithmetic::of(op.word()) == Some(op)));
    }

    #[test]
    fn nan_wins() {
        for op in Arithmetic::ALL.into_iter().filter(|op| !op.compares() && *op != Arithmetic::Keep) {
            assert!(op.at(f64::NAN, 1.0).is_nan() && op.at(1.0, f64::NAN).is_nan(), "{op:?}");
        }
        assert_eq!((Arithmetic::Max.at(1.0, 2.0), Arithmetic::Min.at(1.0, 2.0)), (2.0, 1.0));
    }

    #[test]
    fn a_mirrored_operation_has_its_operands_exchanged() {
        for (op, mirrored) in Arithmetic::ALL.into_iter().filter_map(|op| op.mirrored().map(|mirrored| (op, mirrored))) {
            for (a, b) in [(1.0, 2.0), (2.0, 1.0), (3.0, 3.0)] {
                assert_eq!(op.at(a, b), mirrored.at(b, a), "{op:?}");
            }
        }
    }

    #[test]
    fn nothing_compares_with_nan_and_what_is_not_kept_leaves_no_trace() {
        for op in Arithmetic::ALL.into_iter().filter(|op| op.compares()) {
            assert_eq!((op.at(f64::NAN, 1.0), op.at(1.0, f64::NAN)), (0.0, 0.0), "{op:?}");
        }
        assert_eq!(Arithmetic::Keep.at(f64::NAN, -0.0), 0.0);
        assert_eq!(Arithmetic::Keep.at(f64::INFINITY, f64::NAN), 0.0);
        assert!(Arithmetic::Keep.at(f64::NAN, 1e-40).is_nan());
    }

    #[test]
    fn shapes_that_fit() {
        let of = |c, h, w| Spread::of([5, 3, 2], [c, h, w]);
        assert_eq!([of(5, 3, 2), of(5, 1, 1), of(1, 3, 2), of(1, 1, 1)].map(Option::unwrap), Spread::ALL);
        assert_eq!([of(5, 3, 1), of(5, 1, 2), of(1, 1, 2), of(4, 3, 2)], [None; 4]);
        // Where both are the same, it is a gate or the whole map.
        assert_eq!(Spread::of([5, 1, 1], [5, 1, 1]), Some(Spread::Gate));
        assert_eq!(Spread::of([1, 3, 2], [1, 3, 2]), Some(Spread::Map));
    }
}
