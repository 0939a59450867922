//! An explanation as one page that needs nothing else: `page.html` with the figures inside.

use sartor_models::escape::script;

use super::Explanation;

const TEMPLATE: &str = include_str!("page.html");

/// Where the figures go.
const DATA: &str = "{{DATA}}";

/// The page of an explanation; `place` says on what and when it was measured.
///
/// # Errors
/// If a figure cannot be written as JSON.
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
