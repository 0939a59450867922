//! Files and folders on disk: how they are written, who may change them, and which of them sartor may replace.

pub mod cache_folder;
pub mod manifest;
pub mod output;
pub mod private;
