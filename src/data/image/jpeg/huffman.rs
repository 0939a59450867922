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
const FAST: u32 = 9;

/// A table from a DHT segment.
pub struct Huffman {
    /// For each value of the next bits: the length and the symbol of the code that they begin with. The length is 0 for longer codes.
    fast: Box<[(u8, u8); 1 << FAST]>,
    /// For each length: the first longer code, extended to 16 bits; and what to add to a code to get the index of its symbol.
    longer: [(u32, i32); 17],
    symbols: Vec<u8>,
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
        Some(Self { fast, longer, symbols: symbols.to_vec() })
    }

    /// The next symbol, and how many bits of its coefficient are still to be skipped: the symbol's lower half, or none if they were.
    #[inline]
    pub fn coefficient(&self, bits: &mut Bits) -> Result<(u8, u32), Stop> {
        if let Some(next) = bits.ample() {
            let (length, symbol) = self.fast[(next >> (32 - FAST)) as usize];
            if length > 0 {
                bits.drop(u32::from(length) + u32::from(symbol & 15));
                return Ok((symbol, 0));
            }
        }
        // The reader is passed on and back, so that it can stay in registers.
        let (after, symbol) = self.rare(*bits);
        *bits = after;
        symbol.map(|symbol| (symbol, u32::from(symbol & 15)))
    }

    #[inline(never)]
    fn rare<'a>(&self, mut bits: Bits<'a>) -> (Bits<'a>, Result<u8, Stop>) {
        let symbol = self.symbol(&mut bits);
        (bits, symbol)
    }

    /// The next symbol.
    pub fn symbol(&self, bits: &mut Bits) -> Result<u8, Stop> {
        let (next, count) = bits.peek();
        let (mut length, mut symbol) = self.fast[usize::from(next >> (16 - FAST))];
        if length == 0 {
            let found = (FAST + 1..=16).find(|&length| u32::from(next) < self.longer[length as usize].0);
            let Some(found) = found else {
                return Err(if count < 16 { Stop::Short } else { Stop::Bad("a code is not in its table") });
            };
            let code = i32::from(next >> (16 - found));
            symbol = self.symbols[(code + self.longer[found as usize].1) as usize];
            length = found as u8;
        }
        bits.take(length.into()).map(|_| symbol).ok_or(Stop::Short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_codes_are_read() {
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[11]) = (1, 1, 2);
        let table = Huffman::new(&counts, &[7, 8, 9, 10]).unwrap();
        // 0, 10, 1100_0000_0000, 1100_0000_0001, 1111...
        let file = [0b0101_1000, 0b0000_0001, 0b1000_0000, 0b0011_1111, 0xff, 0, 0xff, 0];
        let mut bits = Bits::new(&file, 0);
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
