//! Models for many callers at once.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::runtime::Level;
use crate::runtime::session::MAX_THREADS;
use crate::{Model, ModelError};

/// Models that any number of threads share: each caller takes one that is free, or sleeps until it gets one. They share the weights.
#[derive(Debug)]
pub struct Pool {
    state: Mutex<State>,
    /// Who waits sleeps at the bell of its number, so that a model that is put back wakes few.
    bells: [Condvar; BELLS],
    models: usize,
}

const BELLS: usize = 16;

/// Callers that may take a free model before the one who waits longest does. To wake a thread takes longer than to go on, so that some may;
/// were it any number, one could wait for ever.
const MOST_BEFORE: usize = 4;

#[derive(Debug)]
struct State {
    free: Vec<Model>,
    /// Callers that have had to wait, and those of them that have got a model, in the order in which they came. Both wrap.
    waited: usize,
    served: usize,
    /// Callers that took a model before the one who waits longest.
    before: usize,
}

impl Pool {
    /// So many models, up to 1024, of `threads` threads each, at the best level: see [`Model::new`]. As many models as there are cores, of
    /// one thread each, answer the most requests.
    ///
    /// # Errors
    /// As [`Model::new`], or if there are to be no models or too many.
    pub fn new(models: usize, threads: usize) -> Result<Self, ModelError> {
        Self::of(models, || Model::new(threads))
    }

    /// The same at this level: see [`Model::with_level`].
    ///
    /// # Errors
    /// As [`Model::with_level`], or if there are to be no models or too many.
    pub fn with_level(level: Level, models: usize, threads: usize) -> Result<Self, ModelError> {
        Self::of(models, || Model::with_level(level, threads))
    }

    fn of(models: usize, make: impl Fn() -> Result<Model, ModelError>) -> Result<Self, ModelError> {
        if !(1..=MAX_THREADS).contains(&models) {
            return Err(ModelError::WrongModels(models));
        }
        let free = (0..models).map(|_| make()).collect::<Result<_, _>>()?;
        let state = State { free, waited: 0, served: 0, before: 0 };
        Ok(Self { state: Mutex::new(state), bells: [const { Condvar::new() }; BELLS], models })
    }

    /// Copies the weights once, for all models: see [`Model::copy_weights`].
    ///
    /// # Errors
    /// As [`Model::copy_weights`].
    pub fn copy_weights(&mut self) -> Result<(), ModelError> {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((first, others)) = state.free.split_first_mut() {
            first.copy_weights()?;
            others.iter_mut().for_each(|model| model.share_weights(first));
        }
        Ok(())
    }

    /// Waits for a model and [runs](Model::run) it. Nothing is allocated.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn run(&self, input: &[f32], output: &mut [f32]) -> Result<(), ModelError> {
        self.get().run(input, output)
    }

    /// Waits for a model. It goes back when what is returned is dropped, in a panic too. A thread that waits for a second one while it has
    /// one may wait for ever.
    pub fn get(&self) -> PoolModel<'_> {
        let mut state = self.lock();
        let some_wait = state.waited != state.served;
        if state.free.is_empty() || (some_wait && state.before >= MOST_BEFORE) {
            let number = state.waited;
            state.waited = number.wrapping_add(1);
            while state.free.is_empty() || state.served != number {
                state = self.bells[number % BELLS].wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.served = number.wrapping_add(1);
            state.before = 0;
        } else if some_wait {
            state.before += 1;
        }
        let model = state.free.pop();
        self.ring(&state);
        PoolModel { pool: self, model }
    }

    /// How many models there are.
    pub fn models(&self) -> usize {
        self.models
    }

    /// Nothing panics while it has the lock, and if it did, the state would be whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes who waits longest, if there is a model for it.
    fn ring(&self, state: &State) {
        if state.waited != state.served && !state.free.is_empty() {
            self.bells[state.served % BELLS].notify_all();
        }
    }
}

/// A model of a [`Pool`], for one caller.
#[derive(Debug)]
pub struct PoolModel<'a> {
    pool: &'a Pool,
    /// There until it is dropped.
    model: Option<Model>,
}

impl Deref for PoolModel<'_> {
    type Target = Model;

    fn deref(&self) -> &Model {
        self.model.as_ref().expect("a model is there until it is dropped")
    }
}

impl DerefMut for PoolModel<'_> {
    fn deref_mut(&mut self) -> &mut Model {
        self.model.as_mut().expect("a model is there until it is dropped")
    }
}

impl Drop for PoolModel<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.free.extend(self.model.take());
        self.pool.ring(&state);
    }
}
