//! A decoded picture.

use super::Fault;

/// A picture's pixels, row by row: grey has one value a pixel until the network wants three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub(super) height: usize,
    pub(super) width: usize,
    /// 1 or 3.
    pub(super) channels: usize,
    pub(super) values: Vec<u8>,
}

impl Picture {
    /// A picture of `height * width` pixels of red, green and blue, row by row.
    ///
    /// # Errors
    /// If there are no pixels, or not `3 * height * width` values.
    pub fn rgb(height: usize, width: usize, values: Vec<u8>) -> Result<Self, Fault> {
        if height == 0 || width == 0 {
            return Err(Fault::Size(format!("the picture is empty: {height}x{width}")));
        }
        if height.checked_mul(width).and_then(|pixels| pixels.checked_mul(3)) != Some(values.len()) {
            return Err(Fault::Size(format!("{} values do not make a picture of {height}x{width}", values.len())));
        }
        Ok(Self { height, width, channels: 3, values })
    }

    /// Height and width.
    pub fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// Red, green and blue at a row and a column.
    ///
    /// # Panics
    /// If the picture has no such row or column.
    pub fn pixel(&self, row: usize, column: usize) -> [u8; 3] {
        assert!(row < self.height && column < self.width, "no pixel {row}, {column} in {}x{}", self.height, self.width);
        let at = self.channels * (row * self.width + column);
        if self.channels == 1 { [self.values[at]; 3] } else { [0, 1, 2].map(|channel| self.values[at + channel]) }
    }
}
