//! Typed indices, so that no map is looked up by a layer's number.

/// An index type for tables of a kind of thing.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub usize);

        impl From<usize> for $name {
            fn from(index: usize) -> Self {
                Self(index)
            }
        }

        impl From<$name> for usize {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id!(
    /// A map of a network; the first is its input.
    MapId
);
id!(
    /// A layer's place in the order of execution.
    LayerId
);
id!(
    /// A kernel of a program.
    KernelId
);

/// The layer so many further.
impl std::ops::Add<usize> for LayerId {
    type Output = Self;

    fn add(self, layers: usize) -> Self {
        Self(self.0 + layers)
    }
}
