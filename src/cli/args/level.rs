//! The level that a command uses.

use sartor::Level;
use sartor::kernels::runtime::level::MAX_LEVEL_VARIABLE;

use crate::cli::failure::Failure;

/// The level that was asked for, or the best one that this CPU has and the environment allows.
pub fn choose(asked: Option<Level>) -> Result<Level, Failure> {
    let allowed = Level::allowed()?;
    match asked {
        None => Ok(Level::best()?),
        Some(level) if allowed.contains(&level) => Ok(level),
        Some(level) => {
            let names: Vec<_> = allowed.iter().map(|level| level.name()).collect();
            let message = if level.is_available() {
                format!("{MAX_LEVEL_VARIABLE} does not allow level {level}")
            } else {
                format!("this CPU lacks level {level}")
            };
            Err(Failure::new(message).help(format!("use one of {}", names.join(", "))))
        }
    }
}
