//! The job: workers take pictures, each prepares and classifies one at a time, and rows go to the journal as they come.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use sartor_models::Scores;
use sartor_models::input::InputForm;

use super::journal::{Journal, JournalError, Key};
use super::row::Format;
use crate::data::guess::top;
use crate::data::image::{Pictures, Preprocess};

/// What computes the scores of one input.
pub type Answer<'a> = Box<dyn FnMut(&[f32], &mut [f32]) -> Result<(), String> + Send + 'a>;

/// What is done with each picture.
#[derive(Clone, Debug)]
pub struct Job {
    /// The pictures, sorted.
    pub paths: Vec<PathBuf>,
    /// How they are prepared, and the names of classes.
    pub pictures: Pictures,
    /// The form in which the network takes them.
    pub form: InputForm,
    /// The number of classes.
    pub classes: usize,
    /// What the network says of them.
    pub scores: Scores,
    /// How many classes a row has.
    pub top: usize,
    /// The form of rows.
    pub format: Format,
    /// Whether scores may be NaN or infinite.
    pub allow_non_finite: bool,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The pictures that have a row now.
    pub pictures: usize,
    /// Of these, how many had one before.
    pub before: usize,
    /// How many could not be classified.
    pub failed: usize,
}

/// The job did not finish.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// A row cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The network cannot be run.
    #[error("{0}")]
    Engine(String),
}

/// A picture's row, and its key if it was classified.
type Row = (Option<Key>, String);

impl Job {
    /// Makes the rows that the journal lacks. There is a worker for each of the `answers`; each holds one picture at a time, so memory is
    /// bounded by their number. `progress` is called with the number of new rows.
    ///
    /// # Errors
    /// If a row cannot be written, or an engine fails. Rows that were written before stay in the journal.
    pub fn run(
        &self,
        journal: &mut Journal,
        answers: Vec<Answer<'_>>,
        mut progress: impl FnMut(usize),
    ) -> Result<Done, JobError> {
        let missing = journal.missing();
        let next = AtomicUsize::new(0);
        let outcome = thread::scope(|scope| {
            let (sender, receiver) = sync_channel::<(usize, Result<Row, String>)>(2 * answers.len());
            for mut answer in answers {
                let (sender, next, missing) = (sender.clone(), &next, &missing);
                scope.spawn(move || {
                    let mut scores = vec![0.0; self.classes];
                    while let Some(&index) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                        // If nobody takes rows any more, the job has failed.
                        if sender.send((index, self.row(index, &mut answer, &mut scores))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            for (done, (index, row)) in receiver.into_iter().enumerate() {
                let (key, row) = row.map_err(JobError::Engine)?;
                journal.add(index, &self.paths[index], key, row)?;
                progress(done + 1);
            }
            Ok::<(), JobError>(())
        });
        outcome?;
        let pictures = self.paths.len();
        Ok(Done { pictures, before: pictures - missing.len(), failed: journal.failed() })
    }

    /// The row of a picture; an error if the network cannot be run.
    fn row(&self, index: usize, answer: &mut Answer<'_>, scores: &mut [f32]) -> Result<Row, String> {
        let path = &self.paths[index];
        let Pictures { steps, labels } = &self.pictures;
        let failed = |error: &str| (None, self.format.row(path, Err(error), labels, self.top));
        // Before it is read: if it changes meanwhile, it is done again.
        let key = match Key::of(path) {
            Ok(key) => key,
            Err(error) => return Ok(failed(&error.to_string())),
        };
        let values = match Preprocess::read(steps, path) {
            Ok(input) => self.form.arranged(input.values),
            Err(error) => return Ok(failed(&error.cause())),
        };
        answer(&values, scores)?;
        if !self.allow_non_finite && scores.iter().any(|score| !score.is_finite()) {
            return Ok(failed("the answer is NaN or infinite"));
        }
        Ok((Some(key), self.format.row(path, Ok(&top(self.scores, scores, self.top)), labels, self.top)))
    }
}
