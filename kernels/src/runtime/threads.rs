//! A team of threads that walks through the stages together: none begins before all units of the one before are done. Nobody waits
//! for a thread, only for units that one has taken.

use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use super::cores;
use super::units::{Share, Units};
use super::wait::{Doorbell, Progress};

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
    progress: Progress,
    /// Each thread's units of the stage under way.
    shares: Vec<Share>,
    /// Read by who has taken a unit, written where there are none.
    job: UnsafeCell<Job>,
    panicked: AtomicBool,
    /// Written by who panicked first, read after the run.
    panic: UnsafeCell<Option<Box<dyn Any + Send>>>,
    leave: AtomicBool,
}

// SAFETY: `job` is written before units are put into shares, and after all of the stage before were done; it is read between taking
// a unit and having it done. The data it points to is `Sync`, and outlives the last unit. `panic` is written by one thread of a run,
// before its unit is done, and read after the run.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

/// A stage of a run.
#[derive(Clone, Copy)]
struct Job {
    stage: usize,
    stages: usize,
    /// What the functions below take; alive until the last unit of the run is done.
    data: *const (),
    units: unsafe fn(data: *const (), stage: usize) -> usize,
    work: unsafe fn(data: *const (), thread: usize, stage: usize, units: &mut Units<'_>),
}

impl Job {
    /// Of no run.
    const NONE: Self = Self { stage: 0, stages: 0, data: std::ptr::null(), units: |_, _| 0, work: |_, _, _, _| {} };

    /// The first stage from `stage` on that has units, and how many.
    ///
    /// # Safety
    /// The data must be alive.
    unsafe fn from(self, stage: usize) -> Option<(Self, usize)> {
        // SAFETY: as the caller promises.
        let mut units = (stage..self.stages).map(|stage| (Self { stage, ..self }, unsafe { (self.units)(self.data, stage) }));
        let (job, units) = units.find(|&(_, units)| units > 0)?;
        assert!(units <= Share::MOST, "stage {} has {units} units", job.stage);
        Some((job, units))
    }
}

impl Team {
    /// A team of `threads`, the caller included. One of the workers goes through the steps of `warm_up` until they end or a run
    /// begins.
    ///
    /// # Errors
    /// If the operating system refuses a thread; those already started have ended.
    ///
    /// # Panics
    /// If `threads` is zero.
    pub fn new(threads: usize, warm_up: impl Iterator + Send + 'static) -> io::Result<Self> {
        assert!(threads > 0, "a team has at least one thread");
        let mut team = Self { workers: Vec::new(), shared: None, process: std::process::id() };
        if threads == 1 {
            return Ok(team);
        }
        let shared = Arc::new(Shared {
            bell: Doorbell::default(),
            progress: Progress::default(),
            shares: (0..threads).map(|_| Share::default()).collect(),
            job: UnsafeCell::new(Job::NONE),
            panicked: AtomicBool::new(false),
            panic: UnsafeCell::new(None),
            leave: AtomicBool::new(false),
        });
        team.shared = Some(Arc::clone(&shared));
        let places = cores::places(threads);
        let mut warm_up = Some(warm_up);
        for thread in 1..threads {
            let (shared, warm_up) = (Arc::clone(&shared), warm_up.take());
            let worker = Builder::new().name(format!("sartor-{thread}")).spawn(move || {
                warm_up.into_iter().flatten().take_while(|_| shared.bell.is_silent()).for_each(drop);
                shared.serve(thread);
            })?;
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

    /// Runs `units(stage)` units of each stage, each once. Threads call `work(thread, stage, units)`, which runs the units it is given,
    /// and does not exchange them for others, any number of times, or not at all where others were faster. No unit begins before all
    /// of the stage before are done. The caller is thread 0.
    ///
    /// # Panics
    /// With the first panic of `work` or `units`, on whichever thread, after all threads have stopped; the team can be used again. A
    /// stage of more than [`Share::MOST`] units is such a panic. Or if the team is not [complete](Self::is_complete).
    pub fn run<U, W>(&mut self, stages: usize, units: U, work: W)
    where
        U: Fn(usize) -> usize + Sync,
        W: Fn(usize, usize, &mut Units<'_>) + Sync,
    {
        assert!(self.is_complete(), "a team cannot run in a forked child");
        let Some(shared) = &self.shared else {
            return (0..stages).for_each(|stage| work(0, stage, &mut Units::of(0..units(stage))));
        };
        unsafe fn count<U: Fn(usize) -> usize, W>(data: *const (), stage: usize) -> usize {
            // SAFETY: the caller's data is such a pair that is alive.
            unsafe { ((*data.cast::<(U, W)>()).0)(stage) }
        }
        unsafe fn call<U, W: Fn(usize, usize, &mut Units<'_>)>(
            data: *const (),
            thread: usize,
            stage: usize,
            units: &mut Units<'_>,
        ) {
            // SAFETY: as above.
            unsafe { ((*data.cast::<(U, W)>()).1)(thread, stage, units) }
        }
        let closures = (units, work);
        let job = Job { stage: 0, stages, data: (&raw const closures).cast(), units: count::<U, W>, work: call::<U, W> };
        // SAFETY: the closures live until this function ends, which is after the last unit. No run is under way.
        let opened = unsafe { shared.open(job, 0) };
        if opened.is_some() {
            self.wake();
            shared.help(0, opened);
        }
        // SAFETY: the run has ended, so that nobody writes it.
        let payload = unsafe { (*shared.panic.get()).take() };
        if let Some(payload) = payload {
            shared.panicked.store(false, Ordering::Relaxed);
            resume_unwind(payload);
        }
    }

    fn wake(&self) {
        if let Some(shared) = &self.shared {
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
        if let Some(shared) = &self.shared {
            shared.leave.store(true, Ordering::Relaxed);
        }
        self.wake();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its work, but not those of its warming up.
            let _ = worker.join().map_err(mem::forget);
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
            if self.leave.load(Ordering::Relaxed) {
                return;
            }
            self.help(thread, None);
        }
    }

    /// Goes through the stages until the run has ended; there may be none. `opened` is the stage that this thread has opened.
    fn help(&self, thread: usize, mut opened: Option<Job>) {
        loop {
            let turn = self.progress.turn();
            if !turn.is_running() {
                return;
            }
            match self.work(thread, opened.take()) {
                // SAFETY: the last units of the stage are done, and the run has not ended.
                Some(job) => opened = unsafe { self.open(job, job.stage + 1) },
                None => self.progress.wait(turn),
            }
        }
    }

    /// Runs units of the stage under way until all are taken; tells which it was if these were the last to be done. After a panic
    /// they are still taken, so that nobody waits forever, but no work is done.
    fn work(&self, thread: usize, opened: Option<Job>) -> Option<Job> {
        let mut done = usize::from(opened.is_some());
        let mut under_way = opened;
        while let Some(mut units) = Units::claim(&self.shares, thread) {
            // SAFETY: it was written before the units that were taken could be, and is not written again before they are done.
            let job = unsafe { *self.job.get() };
            if !self.panicked.load(Ordering::Relaxed) {
                // SAFETY: the closures are alive until the units that were taken are done.
                let work = AssertUnwindSafe(|| unsafe { (job.work)(job.data, thread, job.stage, &mut units) });
                if let Err(payload) = catch_unwind(work) {
                    // SAFETY: the units that were taken are not done.
                    unsafe { self.panics(payload) };
                }
            }
            units.by_ref().for_each(drop);
            done += units.run();
            under_way = Some(job);
        }
        under_way.filter(|_| self.progress.done(done))
    }

    /// Keeps what a thread panicked with if it is the first of the run. What others panic with is never dropped: that could panic too,
    /// outside of what is caught, while other threads still use what the run has lent them.
    ///
    /// # Safety
    /// The run must not end before this returns.
    unsafe fn panics(&self, payload: Box<dyn Any + Send>) {
        if !self.panicked.swap(true, Ordering::Relaxed) {
            // SAFETY: only the first to panic comes here, and it is read after the run.
            unsafe { *self.panic.get() = Some(payload) };
        } else {
            mem::forget(payload);
        }
    }

    /// Opens the first stage from `stage` on that has units, and gives it to the caller to [work](Self::work) on. Ends the run where
    /// there is none, and after a panic.
    ///
    /// # Safety
    /// No unit may be taken or left to take, only one thread at a time may call it, and the job's closures must live until it ends
    /// the run.
    unsafe fn open(&self, job: Job, stage: usize) -> Option<Job> {
        let mut next = None;
        if !self.panicked.load(Ordering::Relaxed) {
            // SAFETY: the closures are alive.
            match catch_unwind(AssertUnwindSafe(|| unsafe { job.from(stage) })) {
                Ok(found) => next = found,
                // SAFETY: it is this thread that ends the run, below.
                Err(payload) => unsafe { self.panics(payload) },
            }
        }
        let Some((job, units)) = next else {
            self.progress.end();
            return None;
        };
        // SAFETY: nobody has a unit, so that none reads.
        unsafe { *self.job.get() = job };
        // To have opened it counts as a unit, which keeps others from ending the stage before it is told to be open.
        self.progress.set(units + 1);
        let threads = self.shares.len();
        self.shares.iter().enumerate().for_each(|(thread, share)| share.put(units, thread, threads));
        self.progress.open();
        Some(job)
    }
}

#[cfg(test)]
#[path = "../tests/threads.rs"]
mod tests;
