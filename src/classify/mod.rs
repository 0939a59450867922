//! Classifies many pictures: a row for each, in the order of their paths, whatever happens on the way.

mod glob;
mod job;
mod journal;
mod row;
mod sources;

pub use job::{Answer, Done, Job, JobError};
pub use journal::{Journal, JournalError, Key};
pub use row::{Format, UnknownFormat};
pub use sources::{SourceError, paths};
