//! Huffman tables.

use super::bits::Bits;

/// Why a scan cannot be read on.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// There are no more bits.
    Short,
    /// They mean nothing.
    Bad(&'static str),
}

/// The codes of up to this length are looked up at once.
const FAST: u32 = 9;

/// A table of a DHT segment.
pub struct Huffman {
    /// Length and symbol of the code that these first bits begin with; length 0 for longer ones.
    fast: Box<[(u8, u8); 1 << FAST]>,
    /// For each length: the first code that is longer, to 16 bits; and what makes the index of a symbol of a code.
    longer: [(u32, i32); 17],
    symbols: Vec<u8>,
}

impl Huffman {
    /// Of how many codes there are of each length, and the symbols in their order. `None` if they are no code.
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

    /// The next symbol.
    pub fn symbol(&self, bits: &mut Bits) -> Result<u8, Stop> {
        let (next, count) = bits.peek();
        let (mut length, mut symbol) = self.fast[usize::from(next >> (16 - FAST))];
        if length == 0 {
            let found = (FAST + 1..=16).find(|&length| u32::from(next) < self.longer[length as usize].0);
            let Some(found) = found else {
                return Err(if count < 16 { Stop::Short } else { Stop::Bad("a code that its table lacks") });
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
