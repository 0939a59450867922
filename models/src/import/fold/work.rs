//! How much work a file may ask for before it is run.

use super::super::node::Result;

/// Asks for so many products of two numbers; an error if the file's constants ask for too many.
pub type Work<'a> = &'a mut dyn FnMut(usize) -> Result<()>;
