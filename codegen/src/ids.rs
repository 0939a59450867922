//! Typed indices, so that a map cannot be looked up by the number of a layer.

/// Defines an index type for the tables of one kind of thing.
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
    /// A map of a network. The first is the network's input.
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

/// The layer that comes so many layers later.
impl std::ops::Add<usize> for LayerId {
    type Output = Self;

    fn add(self, layers: usize) -> Self {
        Self(self.0 + layers)
    }
}
