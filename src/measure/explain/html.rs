//! Writes an explanation as a page that needs no other files: `page.html` with the figures in it.

use sartor_models::escape::script;

use super::Explanation;

const TEMPLATE: &str = include_str!("page.html");

/// The text in `page.html` that the figures replace.
const DATA: &str = "{{DATA}}";

/// The page of an explanation. `place` names the CPU that it was measured on.
///
/// # Errors
/// If a figure cannot be expressed in JSON.
pub fn page(explanation: &Explanation, place: &str) -> Result<String, serde_json::Error> {
    let data = serde_json::json!({ "place": place, "explanation": explanation });
    Ok(TEMPLATE.replacen(DATA, &script(&serde_json::to_string(&data)?), 1))
}

#[cfg(test)]
mod tests {
    use super::TEMPLATE;

    #[test]
    fn the_page_loads_nothing() {
        assert_eq!(TEMPLATE.matches(super::DATA).count(), 1);
        let without_namespace = TEMPLATE.replace("http://www.w3.org/2000/svg", "");
        // What a name holds is text, never markup.
        assert!(!without_namespace.contains("innerHTML") && !without_namespace.contains("insertAdjacent"));
        for outside in ["http:", "https:", "src=", "<link", "@import", "url("] {
            assert!(!without_namespace.contains(outside), "{outside}");
        }
    }
}
