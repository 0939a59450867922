//! Whether programs are right.

pub mod engines;
pub mod observe;
pub mod verify;
