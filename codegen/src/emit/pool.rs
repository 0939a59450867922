//! Models for many callers, `src/pool.rs`.

use sartor_models::input::Elements;

const POOL: &str = include_str!("template/pool.rs");
/// The method that takes bytes.
const BYTES: &str = include_str!("template/pool_bytes.txt");

/// The file for inputs of such elements.
pub fn print(elements: Elements) -> String {
    match elements {
        Elements::F32 => POOL.into(),
        Elements::U8 => {
            let next = "\n    /// Waits for a model. It goes back";
            POOL.replacen(next, &format!("\n{BYTES}{next}"), 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_for_bytes_takes_them() {
        assert!(print(Elements::U8).contains("pub fn run_u8(&self"));
        assert!(!print(Elements::F32).contains("u8"));
    }
}
