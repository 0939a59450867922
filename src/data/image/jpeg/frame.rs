//! The headers of a JPEG file's frame and of its scans.

/// One component of a picture.
pub struct Component {
    pub id: u8,
    /// Blocks in each MCU, along a row and along a column.
    pub h: usize,
    pub v: usize,
}

/// The frame header.
pub struct Frame {
    pub height: usize,
    pub width: usize,
    pub progressive: bool,
    pub components: Vec<Component>,
    /// The number of MCUs along a row and along a column.
    pub mcus: (usize, usize),
    /// Where the header's content is in the file.
    pub at: usize,
}

impl Frame {
    /// The blocks of a component, along a row and along a column, in whole MCUs.
    pub fn padded(&self, component: usize) -> (usize, usize) {
        (self.mcus.0 * self.components[component].h, self.mcus.1 * self.components[component].v)
    }

    /// The same in a scan that has this component alone: it ends where the picture ends.
    pub fn own(&self, component: usize) -> (usize, usize) {
        let (h, v) = self.most();
        let Component { h: ch, v: cv, .. } = self.components[component];
        ((self.width * ch).div_ceil(8 * h), (self.height * cv).div_ceil(8 * v))
    }

    /// The blocks of all components, in whole MCUs.
    pub fn blocks(&self) -> u64 {
        (0..self.components.len()).map(|component| self.padded(component)).map(|(x, y)| x as u64 * y as u64).sum()
    }

    pub fn most(&self) -> (usize, usize) {
        let most = |side: fn(&Component) -> usize| self.components.iter().map(side).max().unwrap_or(1);
        (most(|component| component.h), most(|component| component.v))
    }
}

/// A scan header.
pub struct Scan {
    /// For each component: its index in the frame, and the tables for the first coefficient and for the others.
    pub components: Vec<(usize, usize, usize)>,
    /// The first and last coefficients of a progressive scan.
    pub start: u8,
    pub end: u8,
    /// How many low bits of them are missing before this scan and after it.
    pub high: u8,
    pub low: u8,
}
