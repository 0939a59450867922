//! What lowering a stage needs and adds to.

use super::options::Options;
use crate::network::layers::Layers;
use crate::ops::site::Site;

/// What lowering a stage needs and adds to.
pub struct Context<'a> {
    pub layers: &'a Layers,
    pub options: &'a Options,
    pub site: Site<'a>,
    /// f32 of the rings of the chain that needs most.
    pub scratch: usize,
}
