//! What the headers of a frame and of a scan say.

/// One component of a picture.
pub struct Component {
    pub id: u8,
    /// Blocks of each MCU, along a row and a column.
    pub h: usize,
    pub v: usize,
}

/// What the frame header says.
pub struct Frame {
    pub height: usize,
    pub width: usize,
    pub progressive: bool,
    pub components: Vec<Component>,
    /// MCUs along a row and a column.
    pub mcus: (usize, usize),
}

impl Frame {
    /// Blocks of a component along a row and a column, of MCUs that are whole.
    pub fn padded(&self, component: usize) -> (usize, usize) {
        (self.mcus.0 * self.components[component].h, self.mcus.1 * self.components[component].v)
    }

    /// The same of a scan of its own, which has no more blocks than the picture.
    pub fn own(&self, component: usize) -> (usize, usize) {
        let (h, v) = self.most();
        let Component { h: ch, v: cv, .. } = self.components[component];
        ((self.width * ch).div_ceil(8 * h), (self.height * cv).div_ceil(8 * v))
    }

    /// Blocks of all components, of MCUs that are whole.
    pub fn blocks(&self) -> u64 {
        (0..self.components.len()).map(|component| self.padded(component)).map(|(x, y)| x as u64 * y as u64).sum()
    }

    pub fn most(&self) -> (usize, usize) {
        let most = |side: fn(&Component) -> usize| self.components.iter().map(side).max().unwrap_or(1);
        (most(|component| component.h), most(|component| component.v))
    }
}

/// What a scan's header says.
pub struct Scan {
    /// Index in the frame, and the tables for the first coefficient and for the others.
    pub components: Vec<(usize, usize, usize)>,
    /// The coefficients that a progressive scan brings.
    pub start: u8,
    pub end: u8,
    /// Their bits before and after it.
    pub high: u8,
    pub low: u8,
}
