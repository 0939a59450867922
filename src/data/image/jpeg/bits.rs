//! Reads the bits between two markers.

use std::io::BufRead;

/// Zeros after the bits, so that eight bytes can always be read at once.
const PADDING: [u8; 8] = [0; 8];

/// The bytes between two markers, without the zeros that are stuffed after `0xff`.
#[derive(Default)]
pub struct Codes {
    /// Ends in [`PADDING`].
    bytes: Vec<u8>,
}

impl Codes {
    /// Replaces them by those from this position of a file to the next marker or the end of the file, and returns its position.
    pub fn take(&mut self, file: &[u8], mut at: usize) -> usize {
        self.bytes.clear();
        self.bytes.reserve(file.len() - at + PADDING.len());
        loop {
            let mut rest = &file[at..];
            at += rest.read_until(0xff, &mut self.bytes).expect("a slice can be read");
            match (file[..at].last(), file.get(at)) {
                (Some(0xff), Some(0)) => at += 1,
                (Some(0xff), _) if self.bytes.pop().is_some() => {
                    at -= 1;
                    break;
                }
                _ => break,
            }
        }
        self.bytes.extend(PADDING);
        at
    }

    /// 32 bits from this position on.
    #[inline]
    pub fn at(&self, bit: usize) -> u32 {
        (load(&self.bytes, bit / 8) << (bit % 8) >> 32) as u32
    }

    pub fn bits(&self) -> Bits<'_> {
        Bits { bytes: &self.bytes, next: 0, window: 0, count: 0 }
    }
}

#[inline]
fn load(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Reads the bits of [`Codes`], and zeros after the last one.
#[derive(Clone, Copy)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    /// The first byte that is not wholly in the window.
    next: usize,
    /// The next bits. The first one is the highest.
    window: u64,
    /// How many bits the window holds at least. Those below are zeros or the next ones.
    count: u32,
}

impl Bits<'_> {
    /// The next bits, of which 56 can be dropped.
    #[inline(always)]
    pub fn peek(&mut self) -> u64 {
        // Nothing depends on how many there are: a branch would be mispredicted.
        self.window |= load(self.bytes, self.next) >> self.count;
        self.next += ((63 - self.count) / 8) as usize;
        self.count |= 56;
        self.window
    }

    /// Drops bits that [`Bits::peek`] returned, and returns those after them.
    #[inline(always)]
    pub fn drop(&mut self, bits: u32) -> u64 {
        self.window <<= bits;
        self.count -= bits;
        self.window
    }

    /// Takes up to 16 bits; `None` if there are not as many.
    #[inline]
    pub fn take(&mut self, bits: u32) -> Option<u32> {
        let value = (self.peek() >> 48) as u32 >> (16 - bits);
        self.drop(bits);
        (self.left() >= 0).then_some(value)
    }

    /// How many bits were dropped.
    #[inline]
    pub fn position(&self) -> usize {
        8 * self.next - self.count as usize
    }

    /// How many bits are left; negative if more were dropped than there were.
    #[inline]
    pub fn left(&self) -> isize {
        8 * (self.bytes.len() - PADDING.len()) as isize - self.position() as isize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits of a file up to the first marker, one by one.
    fn one_by_one(file: &[u8]) -> (Vec<u32>, usize) {
        let (mut bits, mut at) = (Vec::new(), 0);
        while let Some(&byte) = file.get(at) {
            match (byte, file.get(at + 1)) {
                (0xff, Some(0)) => at += 2,
                (0xff, _) => break,
                _ => at += 1,
            }
            bits.extend((0..8).rev().map(|bit| u32::from(byte) >> bit & 1));
        }
        (bits, at)
    }

    #[test]
    fn bits_are_those_of_the_bytes() {
        let mut state = 1u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let mut codes = Codes::default();
        for length in 0..400 {
            let file: Vec<u8> = (0..length)
                .map(|_| match random(8) {
                    0 => 0xff,
                    1 | 2 => 0,
                    _ => random(256) as u8,
                })
                .collect();
            let (expected, marker) = one_by_one(&file);
            assert_eq!(codes.take(&file, 0), marker);
            let (mut bits, mut at) = (codes.bits(), 0);
            while at < expected.len() {
                assert_eq!((bits.position(), bits.left()), (at, (expected.len() - at) as isize));
                let ahead = (0..32).fold(0, |ahead, bit| 2 * ahead + expected.get(at + bit).unwrap_or(&0));
                assert_eq!(codes.at(at), ahead, "32 bits at {at} of {file:?}");
                assert_eq!((bits.peek() >> 32) as u32, ahead, "32 bits at {at} of {file:?}");
                let count = random(17);
                let end = at + count as usize;
                let value = bits.take(count);
                let Some(wanted) = expected.get(at..end) else {
                    assert_eq!(value, None);
                    break;
                };
                assert_eq!(value, Some(wanted.iter().fold(0, |value, bit| 2 * value + bit)));
                at = end;
            }
        }
    }
}
