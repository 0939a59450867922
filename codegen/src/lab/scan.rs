//! Words, and sizes in them, with the place where they stand.

use std::fmt;

/// A text that is no problem: where, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Byte at which the fault begins, from 0.
    pub at: usize,
    /// The fault.
    pub what: String,
}

impl std::error::Error for LineError {}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {} of the problem: {}", self.at + 1, self.what)
    }
}

/// A part of the line.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// Where it begins.
    pub at: usize,
    /// What it says.
    pub text: &'a str,
}

impl<'a> Part<'a> {
    /// That this part is wrong.
    pub fn fault(&self, what: impl fmt::Display) -> LineError {
        let what = if self.text.is_empty() { what.to_string() } else { format!("'{}': {what}", self.text) };
        LineError { at: self.at, what }
    }

    /// Its parts between `separator`s.
    pub fn split(self, separator: char) -> impl Iterator<Item = Part<'a>> {
        let mut at = self.at;
        self.text.split(separator).map(move |text| {
            let part = Part { at, text };
            at += text.len() + separator.len_utf8();
            part
        })
    }

    /// What stands before and behind the first `mark`.
    pub fn split_once(self, mark: &str) -> Option<(Part<'a>, Part<'a>)> {
        let (text, rest) = self.text.split_once(mark)?;
        Some((Part { at: self.at, text }, Part { at: self.at + text.len() + mark.len(), text: rest }))
    }

    /// The number that it is.
    pub fn number<T: std::str::FromStr>(&self) -> Result<T, LineError> {
        let digits = !self.text.is_empty() && self.text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits { self.text.parse().ok() } else { None };
        number.ok_or_else(|| self.fault("this is not a whole number, or too large"))
    }

    /// The sizes that it consists of, `oc16kh3`, each under one of the `keys`.
    pub fn sizes(self, keys: &[&'static str]) -> Result<Sizes<'a>, LineError> {
        let mut found: Vec<(&'static str, Part<'a>, usize)> = Vec::new();
        let mut rest = self;
        while !rest.text.is_empty() {
            let letters = rest.text.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.text.len());
            let name = Part { at: rest.at, text: &rest.text[..letters] };
            let key = keys.iter().find(|key| **key == name.text);
            let key = *key.ok_or_else(|| rest.fault(format_args!("a size begins with one of {}", keys.join(", "))))?;
            let digits = rest.text[letters..].find(|c: char| !c.is_ascii_digit()).map_or(rest.text.len(), |n| letters + n);
            let value = Part { at: rest.at + letters, text: &rest.text[letters..digits] };
            if found.iter().any(|(other, ..)| *other == key) {
                return Err(name.fault("this size is given twice"));
            }
            found.push((key, value, value.number()?));
            rest = Part { at: rest.at + digits, text: &rest.text[digits..] };
        }
        Ok(Sizes { whole: self, found })
    }
}

/// Sizes by name.
pub struct Sizes<'a> {
    whole: Part<'a>,
    found: Vec<(&'static str, Part<'a>, usize)>,
}

impl<'a> Sizes<'a> {
    /// A size, and where it stands.
    pub fn get(&self, key: &str) -> Option<(Part<'a>, usize)> {
        self.found.iter().find(|(other, ..)| *other == key).map(|&(_, part, value)| (part, value))
    }

    /// A size that may be left out.
    pub fn or(&self, key: &str, default: usize) -> usize {
        self.get(key).map_or(default, |(_, value)| value)
    }

    /// The distance of a window's taps, of which oneDNN counts what lies between them; `default` is that number where it is left out.
    pub fn dilation(&self, key: &str, default: usize) -> Result<usize, LineError> {
        let (part, between) = self.get(key).unwrap_or((self.whole, default));
        between.checked_add(1).ok_or_else(|| part.fault("this dilation is too large"))
    }

    /// A size that may not.
    pub fn need(&self, key: &str) -> Result<usize, LineError> {
        self.get(key).map(|(_, value)| value).ok_or_else(|| self.whole.fault(format_args!("there is no size '{key}'")))
    }
}
