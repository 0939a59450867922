//! A sweep measures the share of the peak for many networks, widths, resolutions and levels. It finds cliffs: points far below their nearest
//! neighbour.

mod grid;
mod plot;

use std::io;
use std::path::Path;

use sartor_kernels::runtime::Level;
use sartor_models::zoo::Spec;
use serde::{Deserialize, Serialize};

use crate::files::output;
pub use grid::grid;
pub use plot::{PlotError, plot};

/// A point is a cliff if its share of the peak is less than this part of its neighbour's.
pub const CLIFF: f64 = 0.7;

/// The measurement of a network at a level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The network's name.
    pub network: String,
    /// The level's name.
    pub level: String,
    /// The time on an undisturbed core.
    pub quiet_ms: f64,
    /// The share of the level's peak.
    pub share_of_peak: f64,
    /// The share of the probes that were disturbed.
    pub disturbed: f64,
    /// How many runs were timed.
    pub runs: usize,
}

/// All points that were measured so far, on one kind of CPU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// The CPU's name, as the system gives it.
    pub cpu: String,
    /// The points, in the order in which they were measured.
    pub points: Vec<Point>,
}

/// A point, compared with a neighbour.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The network's name.
    pub network: String,
    /// The level's name.
    pub level: String,
    /// The share of the level's peak.
    pub share_of_peak: f64,
    /// The neighbour, `network at level`.
    pub neighbour: String,
    /// Its share, divided by the neighbour's.
    pub ratio: f64,
}

impl Comparison {
    /// Whether the point is far below its neighbour's share.
    pub fn is_cliff(&self) -> bool {
        self.ratio < CLIFF
    }
}

impl Sweep {
    /// Reads the points that were measured before; `None` if there is no file.
    ///
    /// # Errors
    /// If the file cannot be read or is not a sweep's.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes all points.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        output::write_file(path, |file| writeln!(file, "{text}"))
    }

    /// The point of a network at a level, if it was measured.
    pub fn point(&self, network: &str, level: Level) -> Option<&Point> {
        self.points.iter().find(|point| point.network == network && point.level == level.name())
    }

    /// Compares each point with its nearest neighbours: the network of the same family that is nearest in groups, width and
    /// resolution, at the same level; and the same network at each other level. A point without neighbours is compared with none.
    pub fn comparisons(&self) -> Vec<Comparison> {
        let specs: Vec<Option<Spec>> = self.points.iter().map(|point| point.network.parse().ok()).collect();
        let mut comparisons = Vec::new();
        for (index, point) in self.points.iter().enumerate() {
            let judged = |neighbour: &Point| Comparison {
                network: point.network.clone(),
                level: point.level.clone(),
                share_of_peak: point.share_of_peak,
                neighbour: format!("{} at {}", neighbour.network, neighbour.level),
                ratio: point.share_of_peak / neighbour.share_of_peak,
            };
            let distances = self.points.iter().zip(&specs).enumerate().filter_map(|(other, (neighbour, spec))| {
                let same_level = other != index && neighbour.level == point.level;
                let distance = distance(specs[index].as_ref()?, spec.as_ref()?)?;
                same_level.then_some((distance, neighbour))
            });
            comparisons.extend(distances.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, neighbour)| judged(neighbour)));
            let levels = self.points.iter().filter(|other| other.network == point.network && other.level != point.level);
            comparisons.extend(levels.map(judged));
        }
        comparisons
    }
}

/// The distance between two networks of a family, in powers of e; `None` if their families differ.
fn distance(a: &Spec, b: &Spec) -> Option<f64> {
    let apart = |a: f64, b: f64| (a / b).ln().abs();
    let rows = apart(a.resolution.0 as f64, b.resolution.0 as f64);
    let columns = apart(a.resolution.1 as f64, b.resolution.1 as f64);
    let same = a.entry().family == b.entry().family;
    same.then(|| apart(a.width, b.width) + apart(a.groups as f64, b.groups as f64) + rows + columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(network: &str, level: &str, share_of_peak: f64) -> Point {
        Point { network: network.into(), level: level.into(), quiet_ms: 1.0, share_of_peak, disturbed: 0.0, runs: 1 }
    }

    fn sweep() -> Sweep {
        let points = [
            ("mobilenet_v2_x1.0", "avx512", 0.8),
            ("mobilenet_v2_x0.75", "avx512", 0.5),
            ("mobilenet_v2_x0.35", "avx512", 0.45),
            ("mobilenet_v2_x1.0@320x320", "avx512", 0.79),
            ("mobilenet_v2_x1.0", "avx2", 0.5),
            ("rexnet_x1.0", "avx512", 0.1),
        ];
        Sweep { cpu: "any".into(), points: points.map(|(network, level, share)| point(network, level, share)).to_vec() }
    }

    #[test]
    fn a_cliff_is_found_and_named() {
        let comparisons = sweep().comparisons();
        let cliffs: Vec<_> =
            comparisons.iter().filter(|v| v.is_cliff()).map(|v| (v.network.as_str(), v.neighbour.as_str())).collect();
        assert_eq!(
            cliffs,
            [("mobilenet_v2_x0.75", "mobilenet_v2_x1.0 at avx512"), ("mobilenet_v2_x1.0", "mobilenet_v2_x1.0 at avx512"),]
        );
        // rexnet has no neighbour; five others of a family, and two that share a network.
        assert_eq!(comparisons.len(), 4 + 2);
    }

    #[test]
    fn a_sweep_is_written_read_and_plotted() {
        let dir = tempfile::tempdir().unwrap();
        let (json, svg) = (dir.path().join("sweep.json"), dir.path().join("sweep.svg"));
        assert_eq!(Sweep::read(&json).unwrap(), None);
        sweep().write(&json).unwrap();
        assert_eq!(Sweep::read(&json).unwrap(), Some(sweep()));
        std::fs::write(&json, "[]").unwrap();
        assert!(Sweep::read(&json).is_err());
        plot(&sweep(), &svg).unwrap();
        let text = std::fs::read_to_string(&svg).unwrap();
        assert!(text.starts_with("<svg") && text.matches("<circle").count() >= 6, "{text}");
        assert!(text.contains("mobilenet_v2") && text.contains("rexnet"));
    }

    #[test]
    fn the_grid_has_every_axis() {
        let names = grid();
        let specs: Vec<Spec> = names.iter().map(|name| name.parse().unwrap()).collect();
        assert!(specs.iter().any(|spec| spec.width <= 0.35) && specs.iter().any(|spec| spec.width >= 3.0));
        for pixels in [96, 512] {
            assert!(specs.iter().any(|spec| spec.resolution == (pixels, pixels)), "{pixels}");
        }
        assert!(specs.iter().filter(|spec| spec.resolution.0 != spec.resolution.1).count() > 3);
        for (name, spec) in names.iter().zip(&specs) {
            assert_eq!(spec.build().unwrap().name, *name, "names are as the zoo prints them");
            let others = specs.iter().filter(|other| distance(spec, other).is_some()).count();
            assert!(others > 1, "{name} has no neighbour");
        }
    }
}
