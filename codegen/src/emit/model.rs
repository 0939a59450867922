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
            let session = "Session::new(program, threads)?";
            let field = "    session: Session,\n}\n";
            let level = "\n    /// The level that it runs at.";
            MODEL
                .replacen(field, &field.replace("}", "    /// Bytes as f32.\n    values: Vec<f32>,\n}"), 1)
                .replace(
                    &format!("Ok(Self {{ session: {session} }})"),
                    &format!("Ok(Self {{ session: {session}, values: vec![0.0; INPUT_LEN] }})"),
                )
                .replacen("use crate::{LEVELS, best", "use crate::{INPUT_LEN, LEVELS, best", 1)
                .replacen(level, &format!("\n{BYTES}{level}"), 1)
        }
    }
}
