//! How threads wait: for a stage's units to be done, and for work.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Polls before a thread that waits for the others gives its core away.
const SPINS_BEFORE_YIELD: usize = 512;

/// Polls before a thread that waits for work goes to sleep.
const SPINS_BEFORE_PARK: usize = 16_384;

/// Two cache lines: those who poll one value are not disturbed by writes to the other, even where lines are fetched in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line<T>(T);

/// The stage under way: how much of it is not done, and whether there is one.
#[derive(Debug, Default)]
pub struct Progress {
    /// Units that are not done.
    left: Line<AtomicUsize>,
    /// Twice the stages begun, and one more while a run is under way.
    turn: Line<AtomicUsize>,
}

/// A moment of a run, or between runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn(usize);

impl Turn {
    /// Whether a run is under way.
    pub fn is_running(self) -> bool {
        self.0 % 2 == 1
    }
}

impl Progress {
    /// This moment. Between runs, what was written in the last one is visible.
    pub fn turn(&self) -> Turn {
        Turn(self.turn.0.load(Ordering::Acquire))
    }

    /// Sets how many units a stage has. Nobody may be able to take one before.
    pub fn set(&self, units: usize) {
        self.left.0.store(units, Ordering::Relaxed);
    }

    /// Tells those who wait that there are units to take. Only whoever ended the stage before, or starts a run.
    pub fn open(&self) {
        let turn = self.turn.0.load(Ordering::Relaxed) | 1;
        self.turn.0.store(turn.wrapping_add(2), Ordering::Release);
    }

    /// Tells those who wait that the run has ended. Only whoever ended its last stage.
    pub fn end(&self) {
        let turn = self.turn.0.load(Ordering::Relaxed);
        self.turn.0.store(turn & !1, Ordering::Release);
    }

    /// Says that units are done. True for the last ones of a stage: what was written for any is visible to who did these.
    pub fn done(&self, units: usize) -> bool {
        self.left.0.fetch_sub(units, Ordering::AcqRel) == units
    }

    /// Returns when it is another turn.
    pub fn wait(&self, turn: Turn) {
        let mut polls = 0;
        while self.turn() == turn {
            polls += 1;
            if polls < SPINS_BEFORE_YIELD { spin_loop() } else { thread::yield_now() }
        }
    }
}

/// Announces work to threads that may be asleep.
#[derive(Debug, Default)]
pub struct Doorbell {
    rings: Line<AtomicUsize>,
}

impl Doorbell {
    /// What was written before is visible to every thread whose [`wait`](Self::wait) this ends. Wakes none: the caller unparks.
    pub fn ring(&self) {
        self.rings.0.fetch_add(1, Ordering::Release);
    }

    /// Whether it was never rung.
    pub fn is_silent(&self) -> bool {
        self.rings.0.load(Ordering::Relaxed) == 0
    }

    /// Returns the number of rings when it is no longer `heard`. Sleeps after a while, until the ringer unparks this thread.
    pub fn wait(&self, heard: usize) -> usize {
        let mut polls = 0;
        loop {
            let rings = self.rings.0.load(Ordering::Acquire);
            if rings != heard {
                return rings;
            }
            polls += 1;
            if polls < SPINS_BEFORE_PARK { spin_loop() } else { thread::park() }
        }
    }
}

#[cfg(test)]
#[path = "../tests/wait.rs"]
mod tests;
