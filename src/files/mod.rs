//! Files and folders: written whole, safe from other users, and known as sartor's own.

pub mod manifest;
pub mod output;
pub mod private;
