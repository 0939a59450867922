//! What lowering a stage reads and adds to.

use super::options::Options;
use crate::network::layers::Layers;
use crate::ops::site::Site;

/// What lowering a stage reads and adds to.
pub struct Context<'a> {
    pub layers: &'a Layers,
    pub options: &'a Options,
    pub site: Site<'a>,
    /// How many f32 the rings of a chain need, for the chain that needs most.
    pub scratch: usize,
}
