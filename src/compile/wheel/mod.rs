//! Writes wheels, the packages of Python: a zip of the module's files, of what describes them, and of a list of their digests.

mod metadata;
mod tag;
mod version;
mod zip;

pub(super) use metadata::{About, write};
pub(super) use tag::tag;
