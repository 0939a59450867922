//! Which way up a picture is stored: EXIF's orientation, or XMP's if there is none.

use std::fmt;

/// Which way up the pixels of a file are stored, by EXIF's number: 1 is upright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orientation(u8);

impl Orientation {
    /// The picture is stored upright.
    pub const UPRIGHT: Self = Self(1);

    /// EXIF's number of the orientation.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Reads the orientation from EXIF and XMP data. As in Pillow, data that is malformed or out of range is ignored.
    pub(super) fn of(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Self {
        let tag = exif.and_then(tag).or_else(|| xmp.and_then(property)).and_then(|number| u8::try_from(number).ok());
        tag.filter(|number| (1..=8).contains(number)).map_or(Self::UPRIGHT, Self)
    }

    /// Whether rows of the upright picture are columns of the stored one.
    pub(super) fn swaps(self) -> bool {
        self.0 >= 5
    }

    /// Converts a height and a width from stored to upright, or back.
    pub(super) fn turned(self, (h, w): (usize, usize)) -> (usize, usize) {
        if self.swaps() { (w, h) } else { (h, w) }
    }

    /// The position, in a stored picture of this size, of a pixel of the upright picture.
    pub(super) fn stored(self, (height, width): (usize, usize), row: usize, column: usize) -> (usize, usize) {
        let (row, column) = self.turned((row, column));
        (
            if matches!(self.0, 3 | 4 | 6 | 7) { height - 1 - row } else { row },
            if matches!(self.0, 2 | 3 | 7 | 8) { width - 1 - column } else { column },
        )
    }
}

impl fmt::Display for Orientation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The orientation tag of EXIF data: a tag in the first directory of a TIFF file.
fn tag(tiff: &[u8]) -> Option<u32> {
    const ORIENTATION: u16 = 0x0112;
    let little = match tiff.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..)?.first_chunk()?;
        Some(if little { u16::from_le_bytes(*bytes) } else { u16::from_be_bytes(*bytes) })
    };
    let long = |at: usize| {
        let bytes = tiff.get(at..)?.first_chunk()?;
        Some(if little { u32::from_le_bytes(*bytes) } else { u32::from_be_bytes(*bytes) })
    };
    if short(2)? != 42 {
        return None;
    }
    let directory = usize::try_from(long(4)?).ok()?;
    let entries = usize::from(short(directory)?);
    let entry = (0..entries).map(|index| directory + 2 + 12 * index).find(|&at| short(at) == Some(ORIENTATION))?;
    match (short(entry + 2)?, long(entry + 4)?) {
        (3, 1) => short(entry + 8).map(u32::from),
        (4, 1) => long(entry + 8),
        _ => None,
    }
}

/// The orientation in XMP data: `tiff:Orientation="6"` or `<tiff:Orientation>6<`.
fn property(xmp: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"tiff:Orientation";
    xmp.windows(NAME.len()).enumerate().filter(|(_, name)| *name == NAME).find_map(|(at, _)| {
        let rest = &xmp[at + NAME.len()..];
        let digit = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?.first()?;
        digit.is_ascii_digit().then(|| u32::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(little: bool, kind: u16, count: u32, value: u16) -> Vec<u8> {
        let short = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let long = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut bytes = if little { b"II".to_vec() } else { b"MM".to_vec() };
        bytes.extend(short(42));
        bytes.extend(long(8));
        bytes.extend(short(2));
        for (tag, kind, count, value) in [(0x010f, 2, 1, 0), (0x0112, kind, count, value)] {
            bytes.extend([short(tag), short(kind)].concat());
            bytes.extend(long(count));
            bytes.extend(if kind == 4 { long(value.into()) } else { [short(value), [0; 2]].concat().try_into().unwrap() });
        }
        bytes
    }

    #[test]
    fn all_eight_in_either_order_of_bytes() {
        for number in 1..=8 {
            for (little, kind) in [(true, 3), (false, 3), (true, 4), (false, 4)] {
                assert_eq!(Orientation::of(Some(&exif(little, kind, 1, number)), None), Orientation(number as u8));
            }
            let xmp = [format!("<x tiff:Orientation=\"{number}\"/>"), format!("<tiff:Orientation>{number}</tiff:Orientation>")];
            for xmp in xmp {
                assert_eq!(Orientation::of(None, Some(xmp.as_bytes())), Orientation(number as u8));
                let both = Orientation::of(Some(&exif(true, 3, 1, 2)), Some(xmp.as_bytes()));
                assert_eq!(both, Orientation(2), "EXIF goes before XMP");
            }
        }
    }

    #[test]
    fn what_is_malformed_says_nothing() {
        for number in [0, 9, 255, 256 + 6, u16::MAX] {
            assert_eq!(Orientation::of(Some(&exif(true, 3, 1, number)), None), Orientation::UPRIGHT);
        }
        for (kind, count) in [(1, 1), (3, 0), (3, 2), (5, 1), (3, u32::MAX)] {
            assert_eq!(Orientation::of(Some(&exif(false, kind, count, 6)), None), Orientation::UPRIGHT);
        }
        let whole = exif(true, 3, 1, 6);
        for len in 0..whole.len() - 2 {
            assert_eq!(Orientation::of(Some(&whole[..len]), None), Orientation::UPRIGHT, "{len} bytes");
        }
        for at in 0..whole.len() {
            for byte in [0, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                Orientation::of(Some(&bytes), Some(&bytes));
            }
        }
        for xmp in ["", "tiff:Orientation", "tiff:Orientation=\"", "tiff:Orientation=\"x", "tiff:Orientation=\"9\""] {
            assert_eq!(Orientation::of(None, Some(xmp.as_bytes())), Orientation::UPRIGHT);
        }
    }
}
