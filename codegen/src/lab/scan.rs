//! Splits a line into words and sizes, each with the place where it stands.

use std::fmt;

/// A text that is not a valid problem: where it is wrong, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Byte at which the error is, counted from 0.
    pub at: usize,
    /// What is wrong.
    pub what: String,
}

impl std::error::Error for LineError {}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {} of the problem: {}", self.at + 1, self.what)
    }
}

/// A part of a line.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// Where it begins.
    pub at: usize,
    /// Its text.
    pub text: &'a str,
}

impl<'a> Part<'a> {
    /// The error that this part is wrong.
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

    /// The parts before and behind the first `mark`.
    pub fn split_once(self, mark: &str) -> Option<(Part<'a>, Part<'a>)> {
        let (text, rest) = self.text.split_once(mark)?;
        Some((Part { at: self.at, text }, Part { at: self.at + text.len() + mark.len(), text: rest }))
    }

    /// Reads it as a number.
    pub fn number<T: std::str::FromStr>(&self) -> Result<T, LineError> {
        let digits = !self.text.is_empty() && self.text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits { self.text.parse().ok() } else { None };
        number.ok_or_else(|| self.fault("this is not a whole number, or too large"))
    }

    /// Reads it as sizes, such as `oc16kh3`. Each must have one of the `keys`.
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
    /// A size, and the part of the line that holds its number.
    pub fn get(&self, key: &str) -> Option<(Part<'a>, usize)> {
        self.found.iter().find(|(other, ..)| *other == key).map(|&(_, part, value)| (part, value))
    }

    /// A size that may be left out: it is then `default`.
    pub fn or(&self, key: &str, default: usize) -> usize {
        self.get(key).map_or(default, |(_, value)| value)
    }

    /// The dilation of a window, which is the distance from tap to tap. oneDNN counts the pixels between taps, which is one less.
    /// `default` is that number if it is left out.
    pub fn dilation(&self, key: &str, default: usize) -> Result<usize, LineError> {
        let (part, between) = self.get(key).unwrap_or((self.whole, default));
        between.checked_add(1).ok_or_else(|| part.fault("this dilation is too large"))
    }

    /// A size that may not be left out.
    pub fn need(&self, key: &str) -> Result<usize, LineError> {
        self.get(key).map(|(_, value)| value).ok_or_else(|| self.whole.fault(format_args!("there is no size '{key}'")))
    }
}
