//! Whether programs compute the right values.

pub mod engines;
pub mod observe;
pub mod values;
pub mod verify;
