//! The row of a picture, in the form of the file that it is for.

use std::path::Path;
use std::str::FromStr;

use serde_json::json;

use crate::data::guess::Guess;
use crate::data::labels::Labels;

/// The form of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values, with a line of titles.
    Csv,
    /// A JSON object a line.
    JsonLines,
}

/// The end of a file's name says nothing of its form.
#[derive(Debug, thiserror::Error)]
#[error("rows are written to a file that ends in .csv or .jsonl")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    /// The form by a file's ending.
    fn from_str(ending: &str) -> Result<Self, Self::Err> {
        match ending {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::JsonLines),
            _ => Err(UnknownFormat),
        }
    }
}

impl Format {
    /// The first line, if there is one.
    pub fn titles(self, top: usize) -> Option<String> {
        let guess = |rank: usize| match rank {
            1 => ",class,name,probability".to_owned(),
            _ => format!(",class{rank},name{rank},probability{rank}"),
        };
        let guesses: String = (1..=top).map(guess).collect();
        (self == Self::Csv).then(|| format!("path,error{guesses}"))
    }

    /// The row of a picture, without the end of the line.
    pub fn row(self, path: &Path, answer: Result<&[Guess], &str>, labels: &Labels, top: usize) -> String {
        let path = path.to_string_lossy();
        match self {
            Self::Csv => {
                let mut row = format!("{},{}", field(&path), field(answer.err().unwrap_or_default()));
                let guesses = answer.unwrap_or_default();
                for rank in 0..top {
                    row += &guesses.get(rank).map_or(",,,".to_owned(), |guess| {
                        format!(",{},{},{}", guess.class, field(&labels.name(guess.class)), rounded(guess.probability))
                    });
                }
                row
            }
            Self::JsonLines => match answer {
                Ok(guesses) => {
                    let guess = |guess: &Guess| {
                        let probability: f64 = rounded(guess.probability).parse().unwrap_or(f64::NAN);
                        json!({"class": guess.class, "name": labels.name(guess.class), "probability": probability})
                    };
                    json!({"path": path, "top": guesses.iter().map(guess).collect::<Vec<_>>()}).to_string()
                }
                Err(error) => json!({"path": path, "error": error}).to_string(),
            },
        }
    }
}

fn rounded(probability: f64) -> String {
    format!("{probability:.6}")
}

/// A field of comma-separated values, quoted if it must be.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_their_form_wants() {
        let labels = Labels::new(vec!["a \"cat\", red".into()]).unwrap();
        let guesses = [Guess { class: 0, probability: 0.75 }, Guess { class: 7, probability: 1.0 / 3.0 }];
        let csv = Format::Csv.row("x,y.jpg".as_ref(), Ok(&guesses), &labels, 3);
        assert_eq!(csv, "\"x,y.jpg\",,0,\"a \"\"cat\"\", red\",0.750000,7,7,0.333333,,,");
        assert_eq!(csv.matches(',').count() - 2, Format::Csv.titles(3).unwrap().matches(',').count());
        let failed = Format::Csv.row("x.jpg".as_ref(), Err("cut\nshort"), &labels, 1);
        assert_eq!(failed, "x.jpg,\"cut\nshort\",,,");
        let json = Format::JsonLines.row("x.jpg".as_ref(), Ok(&guesses[1..]), &labels, 3);
        assert_eq!(json, r#"{"path":"x.jpg","top":[{"class":7,"name":"7","probability":0.333333}]}"#);
        assert_eq!(Format::JsonLines.titles(3), None);
    }
}
