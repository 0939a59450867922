//! The front door of a crate, `src/model.rs`.

use sartor_models::input::Elements;

const MODEL: &str = include_str!("template/model.rs");
/// The method that takes bytes.
const BYTES: &str = include_str!("template/bytes.txt");

/// The file for inputs of such elements.
pub fn print(elements: Elements) -> String {
    match elements {
        Elements::F32 => MODEL.into(),
        Elements::U8 => {
            let field = "    session: Session,\n}\n";
            let level = "\n    /// The level that it runs at.";
            MODEL
                .replacen(field, &field.replace("}", "    /// Bytes as f32.\n    values: Vec<f32>,\n}"), 1)
                .replace("memory)? })", "memory)?, values: Vec::new() })")
                .replace("threads)? })", "threads)?, values: vec![0.0; INPUT_LEN] })")
                .replacen("use crate::{LEVELS, best", "use crate::{INPUT_LEN, LEVELS, best", 1)
                .replacen(level, &format!("\n{BYTES}{level}"), 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_for_bytes_has_a_place_for_their_values() {
        let text = print(Elements::U8);
        let made = |what: &str| text.matches(what).count();
        assert_eq!(made("Ok(Self { session:"), 3);
        assert_eq!(made("values: Vec::new() })") + made("values: vec![0.0; INPUT_LEN] })"), 3);
        assert!(text.contains("values: Vec<f32>,") && text.contains("pub fn run_u8") && text.contains("{INPUT_LEN, LEVELS"));
    }
}
