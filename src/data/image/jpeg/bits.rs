//! Reads the bits between two markers.

/// Reads bits up to the next marker or the end of the file.
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

    /// The next 16 bits, with zeros after the last one; and a lower bound of how many there are.
    pub fn peek(&mut self) -> (u16, u32) {
        if self.count < 16 {
            self.refill();
        }
        ((self.window >> 48) as u16, self.count)
    }

    /// Takes up to 16 bits; `None` if there are not as many.
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

    fn refill(&mut self) {
        while self.count <= 56 {
            let byte = match self.file.get(self.at..) {
                Some([0xff, 0, ..]) => {
                    self.at += 1;
                    0xff
                }
                Some([0xff, ..] | []) | None => return,
                Some([byte, ..]) => *byte,
            };
            self.at += 1;
            self.window |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }
}
