//! Reads the codes of a scan, without decoding pixels, to find out whether all of them are in the file.

use super::bits::{Bits, Codes};
use super::cut::Cut;
use super::frame::{Frame, Scan};
use super::huffman::Stop;
use super::layout::Layout;
use super::progressive::{self, NonZero};
use super::segments::Tables;
use super::sequential;

/// How much of a scan could be read.
pub struct Reached {
    /// How many MCUs could be read, and how many the scan has.
    pub mcus: u64,
    pub of: u64,
    /// Why reading stopped before the end.
    pub stop: Option<Stop>,
    /// The position of the next marker, or the end of the file.
    pub at: usize,
}

/// Reads the scan whose codes begin at position `at`. Of a sequential one, the MCUs that are cut out are handed on.
pub fn read(
    (file, mut at): (&[u8], usize),
    scan: &Scan,
    (tables, frame): (&Tables, &Frame),
    non_zero: &mut NonZero,
    mut cut: Option<&mut Cut>,
) -> Reached {
    let layout = Layout::new(scan, frame, tables);
    let (mut mcus, of) = (0, layout.rows as u64 * layout.columns as u64);
    let mut codes = Codes::default();
    let mut restarts = 0;
    loop {
        let mut marker = codes.take(file, at);
        let mut bits = codes.bits();
        let end = if tables.restart > 0 { of.min(mcus + tables.restart as u64) } else { of };
        let done = match frame.progressive {
            true => progressive::read(&mut bits, &layout, mcus..end, non_zero, &mut mcus),
            false => sequential::read((&codes, &mut bits), &layout, mcus..end, cut.as_deref_mut(), &mut mcus),
        };
        let next = done.and_then(|()| if mcus == of { Ok(marker) } else { restart(file, &mut marker, &bits, &mut restarts) });
        match next {
            Ok(next) if mcus < of => at = next,
            next => return Reached { mcus, of, stop: next.err(), at: marker },
        }
    }
}

/// The position after the restart marker at this one, which passes what fills the space before it. They are counted modulo 8.
fn restart(file: &[u8], at: &mut usize, bits: &Bits, restarts: &mut u8) -> Result<usize, Stop> {
    while let Some([0xff, 0xff, ..]) = file.get(*at..) {
        *at += 1;
    }
    match file.get(*at..) {
        Some(&[0xff, marker, ..]) if marker == 0xd0 + *restarts && bits.left() < 8 => {
            *restarts = (*restarts + 1) % 8;
            Ok(*at + 2)
        }
        // Restart markers must come in order.
        Some([0xff, 0xd0..=0xd7, ..]) => Err(Stop::Bad("a restart marker is out of order")),
        _ => Err(Stop::Short),
    }
}
