//! What the text of kernels needs beside intrinsics.

/// A function or type that a kernel may call or name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Helper {
    /// The type of a vector.
    Vector,
    /// `Value::Load`
    Load,
    /// `Stmt::Store`
    Store,
    /// `Value::Splat`, `Value::Broadcast`
    Splat,
    /// `Binary::Add`
    Add,
    /// `Binary::Sub`
    Sub,
    /// `Binary::Mul`
    Mul,
    /// `Binary::Div`
    Div,
    /// `Value::Fma`
    MulAdd,
    /// `Binary::Min`
    Min,
    /// `Binary::Max`
    Max,
    /// `Binary::Maximum`
    Maximum,
    /// `Base::Two`
    PowerOfTwo,
    /// `Base::EighthRootOfTwo`
    PowerOfRoot,
    /// `Value::FirstLanes`
    FirstLanes,
    /// `Stmt::Prefetch`
    Prefetch,
    /// `Stmt::Reload`
    Reload,
}
