//! How the codes of a scan follow one another.

use super::frame::{Frame, Scan};
use super::huffman::{Huffman, Steps};
use super::segments::Tables;

/// How the codes of a scan follow one another.
pub struct Layout<'a> {
    pub scan: &'a Scan,
    pub frame: &'a Frame,
    tables: &'a Tables,
    /// Made for the tables of a sequential scan.
    steps: [Option<Steps>; 4],
    /// The number of MCUs in a row, and of rows.
    pub columns: usize,
    pub rows: usize,
}

/// The tables of a component: of the first coefficient, and of the others.
type Pair<'a> = (Option<&'a Huffman>, Option<&'a Huffman>);

impl<'a> Layout<'a> {
    pub fn new(scan: &'a Scan, frame: &'a Frame, tables: &'a Tables) -> Self {
        let (columns, rows) = match scan.components[..] {
            [(only, ..)] => frame.own(only),
            _ => frame.mcus,
        };
        let steps = std::array::from_fn(|index| {
            let used = !frame.progressive && scan.components.iter().any(|&(.., ac)| ac == index);
            tables.ac[index].as_ref().filter(|_| used).map(Steps::new)
        });
        Self { scan, frame, tables, steps, columns, rows }
    }

    /// For each component of the scan: its index in the frame, its tables, and its blocks in an MCU along a row and along a column.
    pub fn components(&self) -> impl Iterator<Item = (usize, Pair<'_>, (usize, usize))> {
        self.scan.components.iter().map(|&(index, dc, ac)| {
            let blocks = match self.scan.components.len() {
                1 => (1, 1),
                _ => (self.frame.components[index].h, self.frame.components[index].v),
            };
            (index, (table(&self.tables.dc, dc), table(&self.tables.ac, ac)), blocks)
        })
    }

    /// The steps of the component with this place in the scan.
    pub fn steps(&self, place: usize) -> Option<&Steps> {
        self.steps.get(self.scan.components[place].2)?.as_ref()
    }
}

fn table(tables: &[Option<Huffman>; 4], index: usize) -> Option<&Huffman> {
    tables.get(index)?.as_ref()
}
