//! Lists in error messages: the first lines, and how many more there are.

use std::fmt::Display;

/// The most lines that a list shows.
pub const LINES: usize = 10;

/// The first [`LINES`] items, each on a line of its own and indented, and how many more there are.
pub fn listing(items: &[impl Display]) -> String {
    let mut text: String = items.iter().take(LINES).map(|item| format!("\n  {item}")).collect();
    if items.len() > LINES {
        text += &format!("\n  and {} more", items.len() - LINES);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_end() {
        assert_eq!(listing(&["a", "b"]), "\n  a\n  b");
        assert_eq!(listing(&[0; 10]).lines().count(), 11);
        let long = listing(&[0; 1_000_010]);
        assert!(long.lines().count() == 12 && long.ends_with("\n  and 1000000 more"), "{long}");
    }
}
