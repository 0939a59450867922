//! Whether all of a picture is in a JPEG file. Decoders fill what is missing, so its codes are read once before.

use super::super::{Fault, Orientation};
use super::huffman::Stop;
use super::scan::{self, NonZero};
use super::segments::{EOI, SOS, Tables, next};

/// Scans that a picture may have; writers make up to ten.
pub const MAX_SCANS: usize = 100;

/// The file's frame and metadata, up to its first scan.
pub struct Header {
    pub tables: Tables,
    /// Where the first scan's segment is.
    scan: usize,
    /// Whether the picture is in several scans.
    pub several: bool,
}

/// What is in the file.
pub struct Found {
    /// Where its picture ends.
    pub end: usize,
    /// What is not there.
    pub missing: Option<String>,
}

impl Header {
    pub fn read(file: &[u8]) -> Result<Self, Fault> {
        let (mut tables, mut at) = (Tables::default(), 2);
        loop {
            let Some(segment) = next(file, at)? else {
                return Err(Fault::Truncated("it ends before its picture".into()));
            };
            match segment.marker {
                EOI => return Err(Fault::Damaged("it has no picture".into())),
                SOS => {
                    let scan = tables.scan(segment.content)?;
                    let frame = tables.frame.as_ref().expect("a scan has a frame");
                    let several = frame.progressive || scan.components.len() < frame.components.len();
                    if several && !frame.progressive && frame.components.iter().any(|component| component.v > 1) {
                        // The decoder would take rows of blocks for others.
                        return Err(Fault::Unsupported("a sequential JPEG of several scans that are subsampled".into()));
                    }
                    return Ok(Self { tables, scan: at, several });
                }
                _ => tables.take(&segment)?,
            }
            at = segment.end;
        }
    }

    /// Height and width.
    pub fn size(&self) -> (usize, usize) {
        let frame = self.tables.frame.as_ref().expect("a scan has a frame");
        (frame.height, frame.width)
    }

    pub fn components(&self) -> usize {
        self.tables.frame.as_ref().map_or(0, |frame| frame.components.len())
    }

    pub fn orientation(&self) -> Orientation {
        Orientation::of(self.tables.exif.as_deref(), self.tables.xmp.as_deref())
    }

    /// Blocks of 64 coefficients.
    pub fn blocks(&self) -> u64 {
        self.tables.frame.as_ref().map_or(0, |frame| frame.blocks())
    }

    /// Reads all scans.
    pub fn check(mut self, file: &[u8]) -> Result<Found, Fault> {
        // Bits of each coefficient that are still to come, of each component.
        let mut left = [[u8::MAX; 64]; 4];
        let components = self.components();
        let mut non_zero = self.non_zero();
        let (mut at, mut scans) = (self.scan, 0);
        loop {
            let segment = next(file, at)?;
            let (marker, end) = segment.as_ref().map_or((EOI, at), |segment| (segment.marker, segment.end));
            match segment {
                Some(segment) if marker != EOI && marker != SOS => self.tables.take(&segment)?,
                Some(segment) if marker == SOS => {
                    let scan = self.tables.scan(segment.content)?;
                    let frame = self.tables.frame.as_ref().expect("a scan has a frame");
                    scans += 1;
                    let sampled = |&(index, ..): &(usize, usize, usize)| frame.components[index].h > 1;
                    if self.several && !frame.progressive && scan.components.len() > 1 && scan.components.iter().any(sampled) {
                        return Err(Fault::Unsupported("a sequential JPEG of several scans that are subsampled".into()));
                    }
                    if scans > MAX_SCANS {
                        return Err(Fault::Unsupported(format!("a JPEG of more than {MAX_SCANS} scans")));
                    }
                    let reached = scan::read(file, end, &scan, &self.tables, frame, &mut non_zero);
                    let percent = 100 * reached.mcus / reached.of;
                    match reached.stop {
                        None => {}
                        Some(Stop::Bad(what)) => {
                            let place = if scans > 1 { format!(" of scan {scans}") } else { String::new() };
                            return Err(Fault::Damaged(format!("{what}, after {percent} %{place}")));
                        }
                        Some(Stop::Short) => {
                            let what = match self.several {
                                true => format!("it ends in scan {scans}, after {percent} % of it"),
                                false => format!("it ends after {percent} % of its pixels"),
                            };
                            return Ok(Found { end: reached.at, missing: Some(what) });
                        }
                    }
                    for &(component, ..) in &scan.components {
                        let band = if frame.progressive { scan.start..=scan.end } else { 0..=63 };
                        for coefficient in band {
                            let left = &mut left[component][usize::from(coefficient)];
                            if !frame.progressive && *left == 0 {
                                return Err(Fault::Damaged("it has a component twice".into()));
                            }
                            *left = if frame.progressive { scan.low } else { 0 };
                        }
                    }
                    at = reached.at;
                    continue;
                }
                ended => {
                    let left = &left[..components];
                    // Only the file's end mark tells that a progressive picture has no more to come, unless it has all.
                    let whole = match ended.is_some() {
                        true => left.iter().all(|left| left[0] != u8::MAX),
                        false => left.iter().flatten().all(|&left| left == 0),
                    };
                    let missing = (!whole).then(|| format!("it ends after scan {scans}"));
                    return Ok(Found { end: at, missing });
                }
            }
            at = end;
        }
    }

    fn non_zero(&self) -> NonZero {
        let frame = self.tables.frame.as_ref().expect("a scan has a frame");
        let blocks = |component| frame.padded(component).0 * frame.padded(component).1;
        (0..frame.components.len()).map(|component| vec![0; if frame.progressive { blocks(component) } else { 0 }]).collect()
    }
}
