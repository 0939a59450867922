//! How threads wait for one another: the whole protocol of a [`Team`](super::threads::Team), so that it can be checked
//! by itself.

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

/// Where all threads of a team meet, again and again.
#[derive(Debug)]
pub struct Barrier {
    threads: usize,
    arrived: Line<AtomicUsize>,
    round: Line<AtomicUsize>,
}

impl Barrier {
    /// A barrier for `threads` threads.
    pub fn new(threads: usize) -> Self {
        Self { threads, arrived: Line::default(), round: Line::default() }
    }

    /// Returns when all threads have called it; what they wrote before is visible to all afterwards.
    pub fn wait(&self) {
        // The round cannot advance before this thread arrives, and this thread has seen the last one end.
        let round = self.round.0.load(Ordering::Relaxed);
        if self.arrived.0.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.0.store(0, Ordering::Relaxed);
            self.round.0.store(round.wrapping_add(1), Ordering::Release);
            return;
        }
        let mut polls = 0;
        while self.round.0.load(Ordering::Acquire) == round {
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
mod tests {
    use super::*;

    #[test]
    fn no_thread_leaves_a_round_before_all_have_arrived() {
        const THREADS: usize = 4;
        const ROUNDS: usize = 2000;
        let barrier = Barrier::new(THREADS);
        let arrivals = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for round in 0..ROUNDS {
                        arrivals.fetch_add(1, Ordering::Relaxed);
                        barrier.wait();
                        let seen = arrivals.load(Ordering::Relaxed);
                        assert!(seen >= (round + 1) * THREADS, "{seen} arrivals after round {round}");
                        assert!(seen < (round + 2) * THREADS, "{seen} arrivals before all left round {round}");
                    }
                });
            }
        });
    }

    #[test]
    fn a_sleeper_hears_the_bell() {
        let bell = Doorbell::default();
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| bell.wait(0));
            // Long enough for the sleeper to park on most runs; the answer is the same where it has not.
            thread::sleep(std::time::Duration::from_millis(20));
            bell.ring();
            sleeper.thread().unpark();
            assert_eq!(sleeper.join().unwrap(), 1);
        });
    }
}
