//! Escapes names for printing. Names of networks, nodes, tensors, files and classes are data and may hold any characters. Code that prints a
//! name into a line, a comment, a string or a terminal calls these functions, so that no name can end the text that it is in, move the
//! cursor, or change the direction of the text.
//!
//! Invisible characters are written as in Rust's strings: `\n` and `\u{1b}`. A backslash in the name is doubled, so that different names stay
//! different.

use std::fmt::{self, Display, Write};
use std::path::Path;

/// The length, in bytes, of the longest name that a network or a node may have. Errors cut other names to this length.
pub const LONGEST: usize = 1024;

/// A name, for a line of text.
pub fn line(name: &str) -> impl Display {
    Escaped { text: name, also: "", longest: LONGEST }
}

/// The name of a file, for a line of text.
pub fn path(path: &Path) -> String {
    line(&path.to_string_lossy()).to_string()
}

/// A name as one word, which ends no comment and begins no Markdown. [`from_word`] reads it back.
pub fn word(name: &str) -> impl Display {
    Escaped { text: name, also: " `|", longest: usize::MAX }
}

/// The name that a word stands for, written by [`word`] or by people. `None` if a backslash begins no escape.
pub fn from_word(word: &str) -> Option<String> {
    let mut name = String::new();
    let mut rest = word;
    while let Some((plain, escape)) = rest.split_once('\\') {
        name.push_str(plain);
        let kind = escape.chars().next()?;
        rest = &escape[kind.len_utf8()..];
        name.push(match kind {
            '\\' => '\\',
            '0' => '\0',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (digits, after) = rest.strip_prefix('{')?.split_once('}')?;
                rest = after;
                char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
            }
            _ => return None,
        });
    }
    name.push_str(rest);
    Some(name)
}

/// A name as a code span, for comments and documentation comments.
pub fn code(name: &str) -> String {
    format!("`{}`", word(name))
}

/// A text as a Rust string literal of ASCII characters, which has as many columns as bytes.
pub fn rust_string(text: &str) -> String {
    format!("\"{}\"", text.escape_default())
}

/// A text as a Python string literal of ASCII characters, with the same value.
pub fn python_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out + "\""
}

/// A text for a terminal. Newlines and tabs are kept.
pub fn terminal(text: &str) -> String {
    replaced(text, |c| c == '\n' || c == '\t', |c, out| out.extend(c.escape_debug()))
}

/// JSON for a terminal, with the same value.
pub fn json(text: &str) -> String {
    replaced(
        text,
        |c| c.is_ascii_whitespace(),
        |c, out| {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        },
    )
}

/// JSON for a script in an HTML page, with the same value. No tag begins or ends in it.
pub fn script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

fn replaced(text: &str, as_is: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if as_is(c) || visible(c) { out.push(c) } else { escape(c, &mut out) }
    }
    out
}

struct Escaped<'a> {
    text: &'a str,
    /// Visible characters that are escaped as well.
    also: &'static str,
    longest: usize,
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut end = self.longest.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        for c in self.text[..end].chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                c if self.also.contains(c) => write!(f, "{}", c.escape_unicode())?,
                c if visible(c) => f.write_char(c)?,
                c => write!(f, "{}", c.escape_debug())?,
            }
        }
        if end < self.text.len() { write!(f, ".. ({} bytes)", self.text.len()) } else { Ok(()) }
    }
}

/// Whether a character is shown and does nothing else. Control characters of both sets are not, nor are characters that change
/// the direction of the text, have no width, or are not assigned.
fn visible(c: char) -> bool {
    // The standard library knows, but answers for a text only: there, accents after a letter count as visible.
    c == ' ' || c.is_ascii_graphic() || (!c.is_ascii() && format!("a{c}").escape_debug().count() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ESC, a newline, the C1 control CSI, an override of the direction, a character without width, a line separator.
    const HOSTILE: &str = "a\u{1b}[2J\nb\u{9b}1m\u{202e}c\u{200b}\u{2028}\0\u{7f}";

    #[test]
    fn nothing_hostile_is_left() {
        assert_eq!(line(HOSTILE).to_string(), r"a\u{1b}[2J\nb\u{9b}1m\u{202e}c\u{200b}\u{2028}\0\u{7f}");
        assert_eq!(terminal(HOSTILE), "a\\u{1b}[2J\nb\\u{9b}1m\\u{202e}c\\u{200b}\\u{2028}\\0\\u{7f}");
        assert_eq!(json("{\n \"\u{9b}\u{e0001}\"\n}"), "{\n \"\\u009b\\udb40\\udc01\"\n}");
        assert_eq!(script(r#"{"</script><!--":1}"#), r#"{"\u003c/script>\u003c!--":1}"#);
        assert_eq!(python_string("\"\n\u{1f980}\\"), r#""\"\U0000000a\U0001f980\\""#);
        assert_eq!(rust_string("\"\n\u{e9}\\"), r#""\"\n\u{e9}\\""#);
        assert_eq!(code("a `b` | c"), r"`a\u{20}\u{60}b\u{60}\u{20}\u{7c}\u{20}c`");
    }

    #[test]
    fn what_people_write_is_left_alone() {
        for text in ["features.8.expand", "o'brien \"x\"", "naïve 🦀", "कुत्ता", "犬", "e\u{301}"] {
            assert_eq!((line(text).to_string(), terminal(text)), (text.into(), text.into()));
        }
    }

    #[test]
    fn different_names_stay_different_and_are_read_back() {
        for name in [HOSTILE, "\n", r"\n", r"\\n", "", " ", "a b", r"\u{20}", "`|`", "🦀\u{301}"] {
            assert_eq!(from_word(&word(name).to_string()).as_deref(), Some(name));
        }
        assert_eq!(from_word("a b`").as_deref(), Some("a b`"));
        for word in [r"\", r"\x", r"\u{", r"\u{zz}", r"\u{d800}"] {
            assert_eq!(from_word(word), None, "{word}");
        }
    }

    #[test]
    fn long_names_are_cut_where_they_are_repeated() {
        let name = "ä".repeat(LONGEST);
        assert_eq!(line(&name).to_string(), format!("{}.. (2048 bytes)", &name[..LONGEST]));
        assert_eq!(word(&name).to_string(), name);
    }
}
