//! Finds out whether a JPEG file holds the whole picture. Decoders fill in what is missing and do not say so; therefore all codes
//! are read once before decoding.

use super::super::part::Area;
use super::super::{Fault, Orientation};
use super::cut::Cut;
use super::huffman::Stop;
use super::progressive::NonZero;
use super::scan;
use super::segments::{EOI, SOS, Tables, next};

/// The most scans that a picture may have. Writers make up to ten.
pub const MAX_SCANS: usize = 100;

/// The frame and the metadata of a file, up to its first scan.
pub struct Header {
    pub tables: Tables,
    /// The position of the first scan's segment.
    scan: usize,
    /// Whether the picture has several scans.
    pub several: bool,
}

/// The result of the check.
pub struct Found {
    /// The position where the picture ends.
    pub end: usize,
    /// What is missing, if the picture is cut short.
    pub missing: Option<String>,
    /// A file with the part of the picture that is wanted, and which part it has, if one could be made.
    pub part: Option<(Vec<u8>, Area)>,
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
                        // The decoder would mix up rows of blocks.
                        return Err(Fault::Unsupported("a sequential JPEG with several subsampled scans".into()));
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

    /// The number of blocks, which have 64 coefficients each.
    pub fn blocks(&self) -> u64 {
        self.tables.frame.as_ref().map_or(0, |frame| frame.blocks())
    }

    /// Reads all scans and checks that they are complete. Cuts out what is wanted, if that is known.
    pub fn check(mut self, file: &[u8], wanted: Option<Area>) -> Result<Found, Fault> {
        // For each component and each coefficient: how many of its bits are still to come.
        let mut left = [[u8::MAX; 64]; 4];
        let components = self.components();
        let mut non_zero = self.non_zero();
        let (mut at, mut scans, mut part) = (self.scan, 0, None);
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
                        return Err(Fault::Unsupported("a sequential JPEG with several subsampled scans".into()));
                    }
                    if scans > MAX_SCANS {
                        return Err(Fault::Unsupported(format!("a JPEG with more than {MAX_SCANS} scans")));
                    }
                    let mut cut = wanted.filter(|_| !self.several).and_then(|area| Cut::new(frame, &scan, &self.tables, area));
                    let reached = scan::read((file, end), &scan, (&self.tables, frame), &mut non_zero, cut.as_mut());
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
                            return Ok(Found { end: reached.at, missing: Some(what), part: None });
                        }
                    }
                    part = cut.and_then(|cut| cut.finish(&file[..at], frame, &file[at..end]));
                    for &(component, ..) in &scan.components {
                        let band = if frame.progressive { scan.start..=scan.end } else { 0..=63 };
                        for coefficient in band {
                            let left = &mut left[component][usize::from(coefficient)];
                            if !frame.progressive && *left == 0 {
                                return Err(Fault::Damaged("a component is there twice".into()));
                            }
                            *left = if frame.progressive { scan.low } else { 0 };
                        }
                    }
                    at = reached.at;
                    continue;
                }
                ended => {
                    let left = &left[..components];
                    // A progressive picture may lack its last bits. Without an end marker, it is whole only if it has all of them.
                    let whole = match ended.is_some() {
                        true => left.iter().all(|left| left[0] != u8::MAX),
                        false => left.iter().flatten().all(|&left| left == 0),
                    };
                    let missing = (!whole).then(|| format!("it ends after scan {scans}"));
                    return Ok(Found { end: at, missing, part });
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
