//! Reads the bits between two markers.

/// Reads bits up to the next marker or the end of the file.
#[derive(Clone, Copy)]
pub struct Bits<'a> {
    file: &'a [u8],
    /// The part of the file that is not in the window yet.
    at: usize,
    /// The next bits. The first one is the highest; below the last one there are zeros.
    window: u64,
    /// How many bits the window holds.
    count: u32,
}

impl<'a> Bits<'a> {
    pub fn new(file: &'a [u8], at: usize) -> Self {
        Self { file, at, window: 0, count: 0 }
    }

    /// The next bits, if there are 32 of them, so that a code and what follows it need no check.
    #[inline]
    pub fn ample(&mut self) -> Option<u32> {
        if self.count < 32 {
            self.refill();
        }
        (self.count >= 32).then_some((self.window >> 32) as u32)
    }

    /// Drops bits that [`Bits::ample`] returned.
    #[inline]
    pub fn drop(&mut self, bits: u32) {
        self.window <<= bits;
        self.count -= bits;
    }

    /// The next 16 bits, with zeros after the last one; and a lower bound of how many there are.
    #[inline]
    pub fn peek(&mut self) -> (u16, u32) {
        if self.count < 16 {
            self.refill();
        }
        ((self.window >> 48) as u16, self.count)
    }

    /// Takes up to 16 bits; `None` if there are not as many.
    #[inline]
    pub fn take(&mut self, bits: u32) -> Option<u32> {
        if self.count < bits {
            self.refill();
        }
        if self.count < bits {
            return None;
        }
        let value = (self.window >> 32).checked_shr(32 - bits).unwrap_or(0) as u32;
        self.window <<= bits;
        self.count -= bits;
        Some(value)
    }

    /// The position where the bits end: that of the next marker or the end of the file. Whole bytes that are left are skipped and counted.
    pub fn end(mut self) -> (usize, usize) {
        let left = (self.count / 8) as usize;
        let start = self.at;
        while let Some(at) = self.file[self.at..].iter().position(|&byte| byte == 0xff) {
            self.at += at;
            match self.file.get(self.at + 1) {
                Some(0) => self.at += 2,
                _ => return (self.at, left + self.at - start),
            }
        }
        (self.file.len(), left + self.file.len() - start)
    }

    /// Passes the reader on and back, so that it can stay in registers.
    #[inline]
    fn refill(&mut self) {
        *self = self.refilled();
    }

    fn refilled(mut self) -> Self {
        // Several bytes at a time, where none of eight is 0xff: those begin markers, or are followed by a zero that does not count.
        if let Some(bytes) = self.file.get(self.at..).and_then(|rest| rest.first_chunk()) {
            let next = u64::from_be_bytes(*bytes);
            // Subtracting one from each byte of the complement borrows where it is zero.
            let (ones, complement) = (u64::from_be_bytes([1; 8]), !next);
            if complement.wrapping_sub(ones) & next & (ones << 7) == 0 {
                let taken = (64 - self.count) / 8;
                let end = self.count + 8 * taken;
                self.window |= next >> self.count & u64::MAX << (64 - end);
                self.at += taken as usize;
                self.count = end;
                return self;
            }
        }
        while self.count <= 56 {
            let byte = match self.file.get(self.at..) {
                Some([0xff, 0, ..]) => {
                    self.at += 1;
                    0xff
                }
                Some([0xff, ..] | []) | None => return self,
                Some([byte, ..]) => *byte,
            };
            self.at += 1;
            self.window |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits of a file up to the first marker, one by one.
    fn one_by_one(file: &[u8]) -> Vec<u32> {
        let (mut bits, mut at) = (Vec::new(), 0);
        while let Some(&byte) = file.get(at) {
            match (byte, file.get(at + 1)) {
                (0xff, Some(0)) => at += 2,
                (0xff, _) => break,
                _ => at += 1,
            }
            bits.extend((0..8).rev().map(|bit| u32::from(byte) >> bit & 1));
        }
        bits
    }

    #[test]
    fn bits_are_those_of_the_bytes() {
        let mut state = 1u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        for round in 0..300 {
            // Few stuffed bytes or many, and perhaps a marker.
            let mut file: Vec<u8> = Vec::new();
            for _ in 0..random(200) {
                match random(2 + round % 40) {
                    0 => file.extend([0xff, 0]),
                    _ => file.push(random(256) as u8),
                }
            }
            let expected = one_by_one(&file);
            let (mut bits, mut at) = (Bits::new(&file, 0), 0);
            let value = |at: usize, count: u32| expected[at..][..count as usize].iter().fold(0, |value, bit| 2 * value + bit);
            loop {
                let count = random(17);
                if random(2) == 0
                    && let Some(next) = bits.ample()
                {
                    assert_eq!(next, value(at, 32));
                    bits.drop(count);
                } else if let Some(taken) = bits.take(count) {
                    assert_eq!(taken, value(at, count));
                } else {
                    assert!(expected.len() - at < count as usize, "{} bits are left, not {count}", expected.len() - at);
                    break;
                }
                at += count as usize;
            }
        }
    }
}
