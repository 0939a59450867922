//! What a kernel may call if its level has no intrinsic for it.

/// A function, or the type of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Helper {
    /// The type of a vector.
    Vector,
    /// [`Value::Load`](crate::ir::kernel::Value::Load)
    Load,
    /// An array of [`Value::Load`](crate::ir::kernel::Value::Load)
    Loads,
    /// [`Stmt::Store`](crate::ir::kernel::Stmt::Store)
    Store,
    /// [`Value::Splat`](crate::ir::kernel::Value::Splat) and [`Value::Broadcast`](crate::ir::kernel::Value::Broadcast)
    Splat,
    /// [`Binary::Add`](crate::ir::kernel::Binary::Add)
    Add,
    /// [`Binary::Sub`](crate::ir::kernel::Binary::Sub)
    Sub,
    /// [`Binary::Mul`](crate::ir::kernel::Binary::Mul)
    Mul,
    /// [`Binary::Div`](crate::ir::kernel::Binary::Div)
    Div,
    /// [`Value::Sqrt`](crate::ir::kernel::Value::Sqrt)
    Sqrt,
    /// [`Value::Fma`](crate::ir::kernel::Value::Fma)
    MulAdd,
    /// [`Binary::Min`](crate::ir::kernel::Binary::Min)
    Min,
    /// [`Binary::Max`](crate::ir::kernel::Binary::Max)
    Max,
    /// [`Binary::Maximum`](crate::ir::kernel::Binary::Maximum)
    Maximum,
    /// [`Binary::Above`](crate::ir::kernel::Binary::Above)
    Above,
    /// [`Binary::Greater`](crate::ir::kernel::Binary::Greater)
    Greater,
    /// [`Binary::AtLeast`](crate::ir::kernel::Binary::AtLeast)
    AtLeast,
    /// [`Binary::Keep`](crate::ir::kernel::Binary::Keep)
    Keep,
    /// What both of the next need.
    Normal,
    /// [`Value::Exponent`](crate::ir::kernel::Value::Exponent)
    Exponent,
    /// [`Value::Mantissa`](crate::ir::kernel::Value::Mantissa)
    Mantissa,
    /// [`Base::Two`](crate::ir::kernel::Base::Two)
    PowerOfTwo,
    /// [`Base::EighthRootOfTwo`](crate::ir::kernel::Base::EighthRootOfTwo)
    PowerOfRoot,
    /// [`Value::FirstLanes`](crate::ir::kernel::Value::FirstLanes)
    FirstLanes,
    /// [`Stmt::Prefetch`](crate::ir::kernel::Stmt::Prefetch)
    Prefetch,
    /// [`Stmt::Reload`](crate::ir::kernel::Stmt::Reload)
    Reload,
}
