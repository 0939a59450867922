//! The tuning file. It holds, for each level and kind of machine, what measuring chose for each problem. A problem is one line, and lines are
//! sorted, so that people can read files, and compare and merge them line by line.

use std::collections::BTreeMap;

use sartor_kernels::runtime::Level;
use serde::{Deserialize, Serialize};

use super::cpu_caches::Sizes;
use crate::schedule::tuning::{Choice, Tuning};

/// The file that is shipped with Sartor.
const SHIPPED: &str = include_str!("../../tuning/default.json");

/// Version of the file's format. Files of other versions are refused.
const FORMAT: u32 = 1;

/// The result of measuring one problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunedProblem {
    /// The fastest stages.
    pub stages: Vec<Choice>,
    /// Microseconds that the stages take which the cost model chooses.
    pub model_us: f64,
    /// Microseconds that the fastest stages take.
    pub best_us: f64,
}

/// All results for one level on one kind of machine.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineTuning {
    /// The level's name.
    pub level: String,
    /// Cache sizes of the machine.
    pub caches: Sizes,
    /// The result of each problem, by the problem's line.
    pub problems: BTreeMap<String, TunedProblem>,
}

/// The contents of a tuning file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TuningFile {
    /// Sorted by level and cache sizes; each pair appears once.
    pub machines: Vec<MachineTuning>,
}

/// The file as read, before its version and its entries are checked.
#[derive(Deserialize)]
struct Raw {
    format: u32,
    machines: Vec<MachineTuning>,
}

impl TuningFile {
    /// The file that is shipped with Sartor.
    pub fn shipped() -> Self {
        // A test parses it.
        Self::parse(SHIPPED).unwrap_or_default()
    }

    /// Reads a file's text and checks every entry.
    ///
    /// # Errors
    /// If it is no tuning file, or has an entry that is not valid: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let version = serde_json::from_str::<serde_json::Value>(text).map_err(|error| format!("not a tuning file: {error}"))?;
        if let Some(format) = version["format"].as_u64().filter(|&format| format != u64::from(FORMAT)) {
            return Err(format!("it has format {format}, and this version of sartor reads format {FORMAT}"));
        }
        let raw: Raw = serde_json::from_str(text).map_err(|error| format!("not a tuning file: {error}"))?;
        debug_assert_eq!(raw.format, FORMAT);
        let mut machines = raw.machines;
        machines.sort_by(|a, b| (&a.level, a.caches).cmp(&(&b.level, b.caches)));
        if machines.windows(2).any(|pair| (&pair[0].level, pair[0].caches) == (&pair[1].level, pair[1].caches)) {
            return Err("it has two entries for the same level and cache sizes".into());
        }
        for machine in &machines {
            machine.tuning()?;
        }
        Ok(Self { machines })
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let machine = |machine: &MachineTuning| {
            let problem = |(problem, entry): (&String, &TunedProblem)| format!("        {}: {}", json(problem), json(entry));
            let problems: Vec<String> = machine.problems.iter().map(problem).collect();
            let problems = if problems.is_empty() { "{}".into() } else { format!("{{\n{}\n      }}", problems.join(",\n")) };
            format!(
                "    {{\n      \"level\": {},\n      \"caches\": {},\n      \"problems\": {problems}\n    }}",
                json(&machine.level),
                json(&machine.caches)
            )
        };
        let machines: Vec<String> = self.machines.iter().map(machine).collect();
        let machines = if machines.is_empty() { "[]".into() } else { format!("[\n{}\n  ]", machines.join(",\n")) };
        format!("{{\n  \"format\": {FORMAT},\n  \"machines\": {machines}\n}}\n")
    }

    /// The results for a level and exactly these cache sizes.
    pub fn machine(&self, level: Level, caches: Sizes) -> Option<&MachineTuning> {
        self.machines.iter().find(|machine| machine.level == level.name() && machine.caches == caches)
    }

    /// The same; an empty entry is made if there is none.
    pub fn machine_mut(&mut self, level: Level, caches: Sizes) -> &mut MachineTuning {
        let key = |machine: &MachineTuning| (machine.level.clone(), machine.caches);
        let wanted = (level.name().to_string(), caches);
        let at = self.machines.binary_search_by_key(&wanted, key).unwrap_or_else(|at| {
            self.machines.insert(at, MachineTuning { level: wanted.0.clone(), caches, problems: BTreeMap::new() });
            at
        });
        &mut self.machines[at]
    }

    /// The results for a level on machines with similar caches, the most similar last.
    fn alike(&self, level: Level, caches: Sizes) -> impl Iterator<Item = &MachineTuning> {
        let of_level = self.machines.iter().filter(|machine| machine.level == level.name());
        let mut alike: Vec<_> = of_level.filter_map(|machine| Some((machine.caches.distance(caches)?, machine))).collect();
        alike.sort_by(|a, b| b.0.total_cmp(&a.0));
        alike.into_iter().map(|(_, machine)| machine)
    }
}

/// What files have for a level on machines whose caches are like these. Of several machines the most similar decides, of several files the
/// last.
pub fn choices<'a>(files: impl IntoIterator<Item = &'a TuningFile>, level: Level, caches: Sizes) -> Tuning {
    let mut all = Tuning::default();
    for machine in files.into_iter().flat_map(|file| file.alike(level, caches)) {
        for (problem, entry) in &machine.problems {
            // Entries were checked when the file was read.
            let _ = all.insert(level, problem, entry.stages.clone());
        }
    }
    all
}

/// A value as JSON on one line. This cannot fail, since all keys here are strings.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl MachineTuning {
    /// The choices alone, in the form that the planner takes.
    fn tuning(&self) -> Result<Tuning, String> {
        let level: Level =
            self.level.parse().map_err(|_| format!("it has an entry for level '{}', which is not a level", self.level))?;
        let mut tuning = Tuning::default();
        for (problem, entry) in &self.problems {
            tuning.insert(level, problem, entry.stages.clone()).map_err(|error| format!("{error} ({level})"))?;
        }
        Ok(tuning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::tuning::{LayerChoice, PanelsChoice, Tile};

    const CACHES: Sizes = Sizes { l1: 32 << 10, l2: 1 << 20, l3: 32 << 20 };

    fn sample() -> TuningFile {
        let tile = Some(Tile { panels: 2, pixels: 2 });
        let rows =
            Choice::Rows { strip: 4, layers: vec![LayerChoice { rows: Some(2), tile, columns: None }, LayerChoice::default()] };
        let panels = Choice::Panels(PanelsChoice { panels: Some(4), ahead: Some(0), tile: None });
        let mut file = TuningFile::default();
        for level in [Level::Avx512, Level::Avx2] {
            let problems = &mut file.machine_mut(level, CACHES).problems;
            let entry = TunedProblem { stages: vec![rows.clone()], model_us: 10.5, best_us: 10.0 };
            problems.insert("a + b".into(), entry);
            problems.insert("a".into(), TunedProblem { stages: vec![panels.clone()], model_us: 3.0, best_us: 3.0 });
        }
        file
    }

    #[test]
    fn what_is_written_is_read_and_written_again_to_the_byte() {
        for file in [TuningFile::default(), sample()] {
            let read = TuningFile::parse(&file.text()).unwrap();
            assert_eq!(read, file);
            assert_eq!(read.text(), file.text());
        }
        assert_eq!(sample().text().lines().filter(|line| line.contains("model_us")).count(), 4, "one line a problem");
    }

    #[test]
    fn the_shipped_file_is_sound() {
        let file = TuningFile::parse(SHIPPED).unwrap();
        assert_eq!(file.text(), SHIPPED, "it is as `sartor tune` writes it");
        assert!(!file.machines.is_empty());
        assert_eq!(TuningFile::shipped(), file);
    }

    #[test]
    fn what_is_no_tuning_file_is_refused() {
        let good = sample().text();
        let cases: Vec<(String, &str)> = vec![
            (String::new(), "not a tuning file"),
            ("{}".into(), "missing field `format`"),
            (good[..good.len() / 2].into(), "not a tuning file"),
            (good.replace("\"format\": 1", "\"format\": 2"), "has format 2"),
            (good.replace("\"avx2\"", "\"avx3\""), "level 'avx3'"),
            (good.replace("\"avx2\"", "\"avx512\""), "two entries"),
            (good.replace("\"pixels\":2", "\"pixels\":50"), "does not fit the registers"),
            (good.replace("\"pixels\":2", "\"pixels\":0"), "does not fit the registers"),
            (good.replace("\"panels\":2", "\"panels\":18446744073709551615"), "does not fit the registers"),
            (good.replace("\"strip\":4", "\"strip\":0"), "0 is no number of rows"),
            (good.replace("\"a + b\"", "\"a + b + c\""), "its stages have 2 layers, it has 3"),
            (good.replace("\"strip\"", "\"stripe\""), "stripe"),
            (good.replace("\"ahead\"", "\"behind\""), "behind"),
        ];
        for (text, part) in cases {
            let error = TuningFile::parse(&text).unwrap_err();
            assert!(error.contains(part), "{error}, not {part}");
        }
    }

    #[test]
    fn machines_like_this_one_are_taken_and_the_most_alike_is_last() {
        let mut file = sample();
        let far = Sizes { l2: CACHES.l2 / 4, ..CACHES };
        let like = Sizes { l3: CACHES.l3 * 2, ..CACHES };
        file.machine_mut(Level::Avx2, far);
        file.machine_mut(Level::Avx2, like);
        let alike = |level, caches| file.alike(level, caches).map(|machine| machine.caches).collect::<Vec<_>>();
        assert_eq!(alike(Level::Avx2, CACHES), [like, CACHES]);
        assert_eq!(alike(Level::Avx2, like), [CACHES, like]);
        assert_eq!(alike(Level::Avx2, far), [far]);
        assert_eq!(alike(Level::Avx2, Sizes { l2: 1 << 10, ..CACHES }), []);
        assert_eq!(alike(Level::Neon, CACHES), []);
    }
}
