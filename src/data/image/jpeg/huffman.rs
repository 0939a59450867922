//! Huffman tables.

use super::bits::Bits;

/// Why reading a scan stopped.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// The bits end too early.
    Short,
    /// The bits are wrong: what is wrong with them.
    Bad(&'static str),
}

/// Codes of up to this length are found with one look into the table.
const FAST: u32 = 11;

/// A table from a DHT segment.
pub struct Huffman {
    /// For each value of the next bits: the length and the symbol of the code that they begin with. The length is 0 for longer codes.
    fast: Box<[(u8, u8); 1 << FAST]>,
    /// For each length: the first longer code, extended to 16 bits; and what to add to a code to get the index of its symbol.
    longer: [(u32, i32); 17],
    pub counts: [u8; 16],
    pub symbols: Vec<u8>,
}

impl Huffman {
    /// Makes a table from the number of codes of each length and the symbols in order. `None` if that is not a prefix code.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut fast = Box::new([(0, 0); 1 << FAST]);
        let mut longer = [(0, 0); 17];
        let (mut code, mut index) = (0u32, 0usize);
        for length in 1..=16u32 {
            code <<= 1;
            longer[length as usize].1 = index as i32 - code as i32;
            for _ in 0..counts[length as usize - 1] {
                if code >= 1 << length {
                    return None;
                }
                let symbol = *symbols.get(index)?;
                if length <= FAST {
                    let first = (code << (FAST - length)) as usize;
                    fast[first..first + (1 << (FAST - length))].fill((length as u8, symbol));
                }
                code += 1;
                index += 1;
            }
            longer[length as usize].0 = code << (16 - length);
        }
        Some(Self { fast, longer, counts: *counts, symbols: symbols.to_vec() })
    }

    /// The next first coefficient: its difference from the last block's. The bits may end before it does.
    #[inline(always)]
    pub fn difference(&self, bits: &mut Bits) -> Result<i32, Stop> {
        let next = bits.peek();
        let (length, size) = self.fast[(next >> (64 - FAST)) as usize];
        if length == 0 || size > 15 {
            // The reader is passed on and back, so that it can stay in registers.
            let (back, found) = self.rare(*bits);
            *bits = back;
            return found;
        }
        bits.drop(u32::from(length + size));
        Ok(signed(next << length, size.into()))
    }

    #[inline(never)]
    fn rare<'a>(&self, mut bits: Bits<'a>) -> (Bits<'a>, Result<i32, Stop>) {
        let found = match self.symbol(&mut bits) {
            Ok(size @ 0..=15) => {
                let value = signed(bits.peek(), size.into());
                bits.drop(size.into());
                Ok(value)
            }
            Ok(_) => Err(Stop::Bad("a coefficient is out of range")),
            Err(stop) => Err(stop),
        };
        (bits, found)
    }

    /// The next symbol.
    #[inline]
    pub fn symbol(&self, bits: &mut Bits) -> Result<u8, Stop> {
        let next = bits.peek();
        let (mut length, mut symbol) = self.fast[(next >> (64 - FAST)) as usize];
        if length == 0 {
            (length, symbol) = self.long((next >> 48) as u32).ok_or_else(|| match bits.left() < 16 {
                true => Stop::Short,
                false => Stop::Bad("a code is not in its table"),
            })?;
        }
        bits.drop(length.into());
        if bits.left() < 0 { Err(Stop::Short) } else { Ok(symbol) }
    }

    /// The length and symbol of the code that these 16 bits begin with.
    fn long(&self, next: u32) -> Option<(u8, u8)> {
        let length = (FAST + 1..=16).find(|&length| next < self.longer[length as usize].0)?;
        let code = (next >> (16 - length)) as i32;
        Some((length as u8, self.symbols[(code + self.longer[length as usize].1) as usize]))
    }
}

/// The value of the next bits: the first is zero if it is negative.
#[inline]
fn signed(next: u64, size: u32) -> i32 {
    let value = (next >> 1 >> (63 - size)) as i32;
    if value < (1 << size) / 2 { value + 1 - (1 << size) } else { value }
}

/// What the next bits of a block of a sequential picture hold: as many codes as are known from them, with the bits of their coefficients.
#[derive(Clone, Copy)]
pub struct Step {
    /// How many bits these are: up to 26.
    pub bits: u8,
    /// How many coefficients are passed, and [`LAST`] more if the block ends with these codes.
    passed: u8,
}

const LAST: u8 = 128;

/// The first code is not known from the next bits alone.
const UNKNOWN: Step = Step { bits: 0, passed: 255 };

impl Step {
    /// The place after it, if it begins at this place; 64 or more if the block may end before.
    #[inline]
    pub fn after(self, at: u32) -> u32 {
        at + u32::from(self.passed)
    }

    /// Whether the block ends with it, if it begins at this place and [`Step::after`] is 64 or more. Else it has a code too many.
    #[inline]
    pub fn ends(self, at: u32) -> bool {
        at + u32::from(self.passed % LAST) <= 64
    }
}

/// The table of all coefficients of a block but the first, for reading past them.
pub struct Steps(Box<[Step; 1 << FAST]>);

impl Steps {
    pub fn new(table: &Huffman) -> Self {
        let single = table.fast.map(|(length, symbol)| match symbol {
            _ if length == 0 => UNKNOWN,
            0xf0 => Step { bits: length, passed: 16 },
            _ if symbol & 15 == 0 => Step { bits: length, passed: 1 + LAST },
            _ => Step { bits: length + (symbol & 15), passed: (symbol >> 4) + 1 },
        });
        let mut steps = Box::new(single);
        for (next, step) in steps.iter_mut().enumerate() {
            while step.passed < LAST {
                let left = FAST.saturating_sub(step.bits.into());
                let after = (next << step.bits) & ((1 << FAST) - 1);
                let more = single[after];
                // All of the code must be among the bits.
                if more.bits == 0 || u32::from(table.fast[after].0) > left || step.passed + more.passed % LAST > 64 {
                    break;
                }
                *step = Step { bits: step.bits + more.bits, passed: step.passed + more.passed };
            }
        }
        Self(steps)
    }

    #[inline(always)]
    pub fn next(&self, bits: u64) -> Step {
        self.0[(bits >> (64 - FAST)) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::Codes;
    use super::*;

    #[test]
    fn short_and_long_codes_are_read() {
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[11]) = (1, 1, 2);
        let table = Huffman::new(&counts, &[7, 8, 9, 10]).unwrap();
        // 0, 10, 1100_0000_0000, 1100_0000_0001, 1111...
        let mut codes = Codes::default();
        codes.take(&[0b0101_1000, 0b0000_0001, 0b1000_0000, 0b0011_1111, 0xff, 0, 0xff, 0], 0);
        let mut bits = codes.bits();
        assert_eq!([(); 4].map(|()| table.symbol(&mut bits).unwrap()), [7, 8, 9, 10]);
        assert!(matches!(table.symbol(&mut bits), Err(Stop::Bad(_))));
        assert_eq!(bits.take(16), Some(0xffff));
        assert_eq!(table.symbol(&mut bits), Err(Stop::Short));
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Huffman::new(&counts, &[1, 2, 3]).is_none());
        counts[0] = 2;
        assert!(Huffman::new(&counts, &[1]).is_none());
    }
}
