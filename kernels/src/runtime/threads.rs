//! A team of threads that walks through the stages together, with one barrier after each.

use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::barrier::{Barrier, Doorbell};
use super::cores;

/// The calling thread and its workers, which sleep between runs and end with the team.
pub struct Team {
    workers: Vec<JoinHandle<()>>,
    /// `None` for a team of one, which needs nothing to agree with itself.
    shared: Option<Arc<Shared>>,
    /// Where the workers live.
    process: u32,
}

/// What the threads of a team have in common.
struct Shared {
    bell: Doorbell,
    barrier: Barrier,
    /// Written by the caller before it rings, read by the workers after they hear it, until the barrier of the last stage.
    job: UnsafeCell<Job>,
    panicked: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `job` is only written while the workers wait for the bell, and the bell and the barriers order the accesses. The
// data it points to is `Sync`, and outlives the last barrier.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

#[derive(Clone, Copy)]
enum Job {
    Walk {
        stages: usize,
        data: *const (),
        /// Calls the closure at `data`, which must be alive.
        call: unsafe fn(data: *const (), thread: usize, stage: usize),
    },
    Leave,
}

impl Team {
    /// A team of `threads`, the caller included.
    ///
    /// # Errors
    /// If the operating system refuses a thread; those already started have ended.
    ///
    /// # Panics
    /// If `threads` is zero.
    pub fn new(threads: usize) -> io::Result<Self> {
        assert!(threads > 0, "a team has at least one thread");
        let mut team = Self { workers: Vec::new(), shared: None, process: std::process::id() };
        if threads == 1 {
            return Ok(team);
        }
        let shared = Arc::new(Shared {
            bell: Doorbell::default(),
            barrier: Barrier::new(threads),
            job: UnsafeCell::new(Job::Leave),
            panicked: AtomicBool::new(false),
            panic: Mutex::new(None),
        });
        team.shared = Some(Arc::clone(&shared));
        let places = cores::places(threads);
        for thread in 1..threads {
            let shared = Arc::clone(&shared);
            let worker = Builder::new().name(format!("sartor-{thread}")).spawn(move || shared.serve(thread))?;
            if let Some(&core) = places.get(thread) {
                cores::place(&worker, core);
            }
            team.workers.push(worker);
        }
        Ok(team)
    }

    /// Threads of the team, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Whether the team can run. A forked child has a copy of the team, but the workers stay with its parent.
    pub fn is_complete(&self) -> bool {
        self.shared.is_none() || self.process == std::process::id()
    }

    /// Calls `work(thread, stage)` for every thread and stage; no thread enters a stage before all have left the one before.
    /// The caller is thread 0.
    ///
    /// # Panics
    /// With the first panic of `work`, on whichever thread, after all threads have stopped; the team can be used again. Or if
    /// the team is not [complete](Self::is_complete).
    pub fn run<W: Fn(usize, usize) + Sync>(&mut self, stages: usize, work: W) {
        assert!(self.is_complete(), "a team cannot run in a forked child");
        let Some(shared) = &self.shared else {
            return (0..stages).for_each(|stage| work(0, stage));
        };
        unsafe fn call<W: Fn(usize, usize)>(data: *const (), thread: usize, stage: usize) {
            // SAFETY: the caller's data is a `W` that is alive.
            unsafe { (*data.cast::<W>())(thread, stage) }
        }
        let job = Job::Walk { stages, data: (&raw const work).cast(), call: call::<W> };
        if stages > 0 {
            self.announce(job);
            // SAFETY: `work` lives until this function ends, which is after the last stage's barrier.
            unsafe { shared.walk(0, job) };
        }
        if shared.panicked.swap(false, Ordering::Relaxed) {
            let payload = shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
            resume_unwind(payload.unwrap_or_else(|| Box::new("a thread of the team panicked")));
        }
    }

    fn announce(&self, job: Job) {
        if let Some(shared) = &self.shared {
            // SAFETY: no job is under way, so that all workers wait for the bell and none reads.
            unsafe { *shared.job.get() = job };
            shared.bell.ring();
            self.workers.iter().for_each(|worker| worker.thread().unpark());
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        if !self.is_complete() {
            // There is nobody to wait for, and these handles are of another process.
            return mem::forget(mem::take(&mut self.workers));
        }
        self.announce(Job::Leave);
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its work.
            let _ = worker.join();
        }
    }
}

impl fmt::Debug for Team {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Team").field("threads", &self.threads()).finish()
    }
}

impl Shared {
    /// A worker's life.
    fn serve(&self, thread: usize) {
        let mut heard = 0;
        loop {
            heard = self.bell.wait(heard);
            // SAFETY: the bell rang after the caller wrote, and the caller writes no more before the last barrier.
            let job = unsafe { *self.job.get() };
            match job {
                Job::Leave => return,
                // SAFETY: the caller keeps the closure alive until the last stage's barrier.
                Job::Walk { .. } => unsafe { self.walk(thread, job) },
            }
        }
    }

    /// Goes through all stages. After a panic the barriers are still kept, so that nobody waits forever, but no work is done.
    ///
    /// # Safety
    /// The job's closure must live until the last stage's barrier.
    unsafe fn walk(&self, thread: usize, job: Job) {
        let Job::Walk { stages, data, call } = job else { return };
        for stage in 0..stages {
            if !self.panicked.load(Ordering::Relaxed) {
                // SAFETY: the closure is alive, as the caller promises.
                let work = AssertUnwindSafe(|| unsafe { call(data, thread, stage) });
                if let Err(payload) = catch_unwind(work) {
                    self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(payload);
                    self.panicked.store(true, Ordering::Relaxed);
                }
            }
            self.barrier.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts the calls of every thread and stage, and checks that no stage begins before the one before has ended.
    fn walk(team: &mut Team, stages: usize) {
        let threads = team.threads();
        let left: Vec<AtomicUsize> = (0..stages).map(|_| AtomicUsize::new(0)).collect();
        let calls: Vec<AtomicUsize> = (0..stages * threads).map(|_| AtomicUsize::new(0)).collect();
        team.run(stages, |thread, stage| {
            if stage > 0 {
                let done = left[stage - 1].load(Ordering::Relaxed);
                assert_eq!(done, threads, "thread {thread} entered stage {stage} when {done} of {threads} had left");
            }
            if (thread + stage).is_multiple_of(3) {
                std::thread::yield_now();
            }
            calls[stage * threads + thread].fetch_add(1, Ordering::Relaxed);
            left[stage].fetch_add(1, Ordering::Relaxed);
        });
        assert!(calls.iter().all(|calls| calls.load(Ordering::Relaxed) == 1), "{threads} threads, {stages} stages: {calls:?}");
    }

    #[test]
    fn every_thread_does_every_stage_once_and_in_order() {
        for threads in [1, 2, 3, 4, 7, 16] {
            let mut team = Team::new(threads).unwrap();
            assert_eq!(team.threads(), threads);
            for stages in [0, 1, 2, 3, 64, 257] {
                walk(&mut team, stages);
            }
        }
    }

    #[test]
    fn a_team_is_used_again_and_again() {
        let mut team = Team::new(3).unwrap();
        for _ in 0..300 {
            walk(&mut team, 5);
        }
    }

    #[test]
    fn sleeping_workers_wake_up() {
        let mut team = Team::new(3).unwrap();
        for _ in 0..5 {
            std::thread::sleep(std::time::Duration::from_millis(10));
            walk(&mut team, 3);
        }
    }

    #[test]
    fn what_a_stage_writes_the_next_one_reads_on_any_thread() {
        const THREADS: usize = 4;
        let mut team = Team::new(THREADS).unwrap();
        let values: Vec<AtomicUsize> = (0..THREADS).map(|_| AtomicUsize::new(0)).collect();
        team.run(500, |thread, stage| {
            // Even stages write their own cell, odd ones read their neighbour's: relaxed, so that only the barrier orders them.
            if stage % 2 == 0 {
                values[thread].store(stage, Ordering::Relaxed);
            } else {
                assert_eq!(values[(thread + 1) % THREADS].load(Ordering::Relaxed), stage - 1);
            }
        });
    }

    #[test]
    fn threads_are_distinct_and_the_caller_is_thread_0() {
        thread_local!(static OWN: u8 = const { 0 });
        // Living threads have their thread locals at different addresses. Atomics, since ThreadSanitizer does not see how the
        // precompiled `Mutex` orders threads that wait for one another.
        let own = || OWN.with(|own| std::ptr::from_ref(own) as usize);
        let seen = [const { AtomicUsize::new(0) }; 4];
        Team::new(4).unwrap().run(1, |thread, _| seen[thread].store(own(), Ordering::Relaxed));
        let seen = seen.map(AtomicUsize::into_inner);
        assert_eq!(seen[0], own());
        assert_eq!(std::collections::HashSet::from(seen).len(), 4);
    }

    #[test]
    fn a_panic_on_any_thread_reaches_the_caller_and_the_team_survives() {
        for threads in [1, 2, 4] {
            let mut team = Team::new(threads).unwrap();
            for culprit in 0..threads {
                let later = AtomicUsize::new(0);
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    team.run(4, |thread, stage| {
                        if stage > 1 {
                            later.fetch_add(1, Ordering::Relaxed);
                        }
                        // `resume_unwind` panics without the hook's message.
                        if thread == culprit && stage == 1 {
                            resume_unwind(Box::new(format!("thread {thread}")));
                        }
                    });
                }));
                let payload = outcome.expect_err("the panic was lost");
                assert_eq!(payload.downcast_ref::<String>(), Some(&format!("thread {culprit}")));
                assert_eq!(later.load(Ordering::Relaxed), 0, "stages after the panic were run");
                walk(&mut team, 4);
            }
        }
    }

    #[test]
    fn all_threads_may_panic_at_once() {
        let mut team = Team::new(4).unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| team.run(3, |_, _| resume_unwind(Box::new(7_i32)))));
        assert_eq!(outcome.expect_err("the panic was lost").downcast_ref::<i32>(), Some(&7));
        walk(&mut team, 3);
    }

    #[test]
    fn dropping_a_team_ends_its_workers() {
        let team = Team::new(4).unwrap();
        let shared = Arc::downgrade(team.shared.as_ref().unwrap());
        drop(team);
        assert_eq!(shared.strong_count(), 0, "a worker still holds the team's state");
    }
}
