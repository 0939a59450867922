//! `sartor run` over folders, lists and patterns of pictures.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sartor::classify::{Answer, Done, Format, Job, Journal, paths};
use sartor::data::image::Pictures;
use sartor::files::output;
use sartor::kernels::runtime::session::MAX_THREADS;
use sartor::models::{Scores, escape};
use serde_json::json;

use super::Run;
use crate::cli::args::engine::Engine;
use crate::cli::args::source::Sourced;
use crate::cli::failure::Failure;
use crate::cli::print::{print, print_json};
use crate::cli::progress::Rate;

/// The exit code if some pictures could not be classified.
const SOME_FAILED: u8 = 2;

impl Run {
    /// Classifies all pictures.
    pub(super) fn run_folder(&self, sourced: &Sourced) -> Result<(), Failure> {
        let Sourced { network, weights, form, .. } = sourced;
        let format = match &self.output {
            Some(path) => path.extension().and_then(|end| end.to_str()).unwrap_or_default().parse().map_err(|error| {
                Failure::new(format!("{}: {error}", escape::path(path))).help("name it so, or give one picture by --image")
            })?,
            None => Format::Csv,
        };
        let classes = match network.outputs() {
            [only] if network.node(*only).shape.pixels() == 1 => network.node(*only).shape.c,
            _ => {
                let failure = Failure::new("rows of classes are for networks that return one score a class");
                return Err(failure.help("run pictures by --image, and write their outputs by --output F.npy"));
            }
        };
        let level = crate::cli::args::level::choose(self.level)?;
        let prepared = self.source.prepared(sourced)?;
        let job = Job {
            paths: paths(&self.files)?,
            pictures: Pictures { steps: self.pictures.steps(&prepared.steps), ..prepared },
            form: *form,
            classes,
            scores: Scores::of(network),
            top: self.top.min(classes),
            format,
            allow_non_finite: self.source.allows_non_finite(),
        };
        let workers = match self.threads {
            Some(threads) => threads,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        if !(1..=MAX_THREADS).contains(&workers) {
            return Err(Failure::new(format!("--threads is {workers}")).help(format!("use 1 to {MAX_THREADS}")));
        }
        let first = Engine::open(self.engine, network, weights, level, 1, &self.tuning.load()?)?;
        let mut journal = match &self.output {
            Some(path) => Journal::open(path, &self.digest(sourced, &job, level.name()), &job.paths)?,
            None => Journal::temporary(job.paths.len())?,
        };
        let workers = workers.min(job.paths.len());
        let others = (1..workers).map(|_| first.another(network, weights)).collect::<Result<Vec<_>, Failure>>()?;
        let answers = std::iter::once(first).chain(others).map(|mut engine| -> Answer<'_> {
            Box::new(move |input, scores| engine.run(input, 1, scores).map_err(|failure| failure.message().to_owned()))
        });
        let answers: Vec<Answer<'_>> = answers.collect();
        let mut rate = Rate::start(journal.missing().len());
        let done = job.run(&mut journal, answers, |count| rate.at(count))?;
        let seconds = rate.finish();
        self.finish(&job, journal, done, seconds)
    }

    /// The digest of all that rows depend on besides pictures.
    fn digest(&self, sourced: &Sourced, job: &Job, level: &str) -> String {
        let Sourced { network, weights, form, .. } = sourced;
        let mut hasher = blake3::Hasher::new();
        let Job { pictures, top, format, allow_non_finite, .. } = job;
        let facts = format!("{network:?} {form:?} {pictures:?} {top} {format:?} {allow_non_finite} {level}");
        let engine = format!("{} {} {}", self.engine.name(), env!("CARGO_PKG_VERSION"), facts);
        hasher.update(engine.as_bytes());
        for (name, tensor) in weights.iter() {
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
            hasher.update(&(tensor.data().len() as u64).to_le_bytes());
            tensor.data().chunks(1024).for_each(|values| {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                hasher.update(&bytes);
            });
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Puts the rows where they belong, and says what was done.
    fn finish(&self, job: &Job, journal: Journal, done: Done, time: Duration) -> Result<(), Failure> {
        let Done { pictures, before, failed } = done;
        let new = pictures - before;
        let rate = new as f64 / time.as_secs_f64().max(1e-9);
        let titles = job.format.titles(job.top);
        if let Some(path) = &self.output {
            let written = output::write_file(path, |file| {
                titles.iter().try_for_each(|titles| writeln!(file, "{titles}"))?;
                journal.rows(|row| writeln!(file, "{row}"))
            });
            written.map_err(|error| kept(path, &error))?;
            journal.remove()?;
            if self.json {
                print_json(&json!({
                    "pictures": pictures, "before": before, "failed": failed, "seconds": time.as_secs_f64(),
                    "pictures_per_second": rate, "output": path.display().to_string(),
                }))?;
            } else {
                let resumed = if before > 0 { format!(", {before} of them before") } else { String::new() };
                let seconds = time.as_secs_f64();
                let path = escape::path(path);
                print(&format!("{pictures} pictures{resumed}: {seconds:.1} s, {rate:.1} a second\n{failed} failed\n{path}"))?;
            }
        } else {
            titles.iter().try_for_each(|titles| print(titles))?;
            let mut outcome = Ok(());
            let read = journal.rows(|row| {
                outcome = print(row);
                if outcome.is_ok() { Ok(()) } else { Err(std::io::ErrorKind::Other.into()) }
            });
            outcome?;
            read?;
        }
        match failed {
            0 => Ok(()),
            _ => {
                let failure = Failure::new(format!("{failed} of {pictures} pictures could not be classified"));
                Err(failure.help("their rows say why").with_code(SOME_FAILED))
            }
        }
    }
}

fn kept(path: &Path, error: &std::io::Error) -> Failure {
    let journal: PathBuf = [path.as_os_str(), ".partial".as_ref()].into_iter().collect::<std::ffi::OsString>().into();
    let failure = Failure::new(format!("{}: {error}", escape::path(path)));
    failure.help(format!("the rows are kept in {}: run the same command again", escape::path(&journal)))
}
