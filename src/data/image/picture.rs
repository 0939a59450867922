//! A decoded picture.

use super::Fault;

/// The pixels of a picture, row by row. Grey pictures have one value a pixel here, and get three as input of a network.
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
            return Err(Fault::Size(format!(
                "{} values are not a picture of {height}x{width}, which has {}",
                values.len(),
                3 * height * width
            )));
        }
        Ok(Self { height, width, channels: 3, values })
    }

    /// Height and width.
    pub fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// The red, green and blue values of a pixel.
    ///
    /// # Panics
    /// If the picture has no such pixel.
    pub fn pixel(&self, row: usize, column: usize) -> [u8; 3] {
        assert!(row < self.height && column < self.width, "no pixel {row}, {column} in {}x{}", self.height, self.width);
        let at = self.channels * (row * self.width + column);
        if self.channels == 1 { [self.values[at]; 3] } else { [0, 1, 2].map(|channel| self.values[at + channel]) }
    }
}
