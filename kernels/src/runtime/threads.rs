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
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn team(threads: usize) -> Team {
        Team::new(threads, std::iter::empty::<()>()).unwrap()
    }

    /// Units of a stage in these tests; some have none.
    fn units(stage: usize) -> usize {
        7 * stage % 5
    }

    /// Counts the runs of every unit, and checks that no stage begins before the one before has ended.
    fn walk(team: &mut Team, stages: usize) {
        let threads = team.threads();
        let runs: Vec<Vec<AtomicUsize>> =
            (0..stages).map(|stage| (0..units(stage)).map(|_| AtomicUsize::new(0)).collect()).collect();
        let all_once = |stage: usize| runs[stage].iter().all(|runs| runs.load(Ordering::Relaxed) == 1);
        team.run(stages, units, |thread, stage, taken| {
            for unit in taken {
                assert!(stage == 0 || all_once(stage - 1), "thread {thread} entered stage {stage} too early");
                if (thread + stage + unit).is_multiple_of(3) {
                    std::thread::yield_now();
                }
                runs[stage][unit].fetch_add(1, Ordering::Relaxed);
            }
        });
        assert!((0..stages).all(all_once), "{threads} threads, {stages} stages: {runs:?}");
    }

    #[test]
    fn every_unit_of_every_stage_is_run_once_and_in_order() {
        for threads in [1, 2, 3, 4, 7, 16] {
            let mut team = team(threads);
            assert_eq!(team.threads(), threads);
            for stages in [0, 1, 2, 3, 64, 257] {
                walk(&mut team, stages);
            }
        }
    }

    #[test]
    fn a_team_is_used_again_and_again() {
        let mut team = team(3);
        for _ in 0..300 {
            walk(&mut team, 5);
        }
    }

    #[test]
    fn sleeping_workers_wake_up() {
        let mut team = team(3);
        for _ in 0..5 {
            std::thread::sleep(std::time::Duration::from_millis(10));
            // Each unit waits for the others: it takes all threads to end it.
            let here = AtomicUsize::new(0);
            team.run(
                1,
                |_| 3,
                |_, _, taken| {
                    for _ in taken {
                        here.fetch_add(1, Ordering::Relaxed);
                        while here.load(Ordering::Relaxed) < 3 {
                            std::thread::yield_now();
                        }
                    }
                },
            );
        }
    }

    #[test]
    fn a_thread_that_is_busy_holds_up_nothing_but_its_unit() {
        let mut team = team(2);
        let (begun, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        team.run(
            1,
            |_| 20,
            |_, _, taken| {
                for unit in taken {
                    // The first unit ends when all others have: whoever did not take it must run them.
                    while unit == 0 && done.load(Ordering::Relaxed) < 19 {
                        std::thread::yield_now();
                    }
                    begun.fetch_add(1, Ordering::Relaxed);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            },
        );
        assert_eq!(begun.into_inner(), 20);
    }

    #[test]
    fn what_a_stage_writes_the_next_one_reads_on_any_thread() {
        const UNITS: usize = 4;
        let mut team = team(3);
        let values: Vec<AtomicUsize> = (0..UNITS).map(|_| AtomicUsize::new(0)).collect();
        team.run(
            500,
            |_| UNITS,
            |_, stage, taken| {
                for unit in taken {
                    // Even stages write their own cell, odd ones read their neighbour's: relaxed, so that only the team orders them.
                    if stage % 2 == 0 {
                        values[unit].store(stage, Ordering::Relaxed);
                    } else {
                        assert_eq!(values[(unit + 1) % UNITS].load(Ordering::Relaxed), stage - 1);
                    }
                }
            },
        );
    }

    #[test]
    fn threads_are_distinct_and_the_caller_is_thread_0() {
        thread_local!(static OWN: u8 = const { 0 });
        // Living threads have their thread locals at different addresses. Atomics: see scripts/test-tsan.sh.
        let own = || OWN.with(|own| std::ptr::from_ref(own) as usize);
        let seen = [const { AtomicUsize::new(0) }; 4];
        let here = AtomicUsize::new(0);
        team(4).run(
            1,
            |_| 4,
            |thread, _, taken| {
                for _ in taken {
                    seen[thread].store(own(), Ordering::Relaxed);
                    here.fetch_add(1, Ordering::Relaxed);
                    while here.load(Ordering::Relaxed) < 4 {
                        std::thread::yield_now();
                    }
                }
            },
        );
        let seen = seen.map(AtomicUsize::into_inner);
        assert_eq!(seen[0], own());
        assert_eq!(std::collections::HashSet::from(seen).len(), 4);
    }

    #[test]
    fn a_panic_on_any_thread_reaches_the_caller_and_the_team_survives() {
        for threads in [1, 2, 4] {
            let mut team = team(threads);
            for culprit in 0..8 {
                let later = AtomicUsize::new(0);
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    team.run(
                        4,
                        |_| 8,
                        |_, stage, taken| {
                            for unit in taken {
                                if stage > 1 {
                                    later.fetch_add(1, Ordering::Relaxed);
                                }
                                // `resume_unwind` panics without the hook's message.
                                if unit == culprit && stage == 1 {
                                    resume_unwind(Box::new(format!("unit {unit}")));
                                }
                            }
                        },
                    );
                }));
                let payload = outcome.expect_err("the panic was lost");
                assert_eq!(payload.downcast_ref::<String>(), Some(&format!("unit {culprit}")));
                assert_eq!(later.load(Ordering::Relaxed), 0, "stages after the panic were run");
                walk(&mut team, 4);
            }
        }
    }

    #[test]
    fn all_threads_may_panic_at_once() {
        let mut team = team(4);
        let outcome = catch_unwind(AssertUnwindSafe(|| team.run(3, |_| 9, |_, _, _| resume_unwind(Box::new(7_i32)))));
        assert_eq!(outcome.expect_err("the panic was lost").downcast_ref::<i32>(), Some(&7));
        walk(&mut team, 3);
    }

    /// What panics again when it is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new("dropped"));
        }
    }

    #[test]
    fn what_later_panics_hold_is_not_dropped() {
        for threads in [2, 3, 4] {
            let mut team = team(threads);
            let (arrived, busy) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                team.run(
                    1,
                    |_| threads,
                    |_, _, taken| {
                        for unit in taken {
                            busy.fetch_add(1, Ordering::Relaxed);
                            // Each thread has a unit before any panics, and the last one works on when all others have.
                            let order = arrived.fetch_add(1, Ordering::Relaxed);
                            while arrived.load(Ordering::Relaxed) < threads {
                                std::thread::yield_now();
                            }
                            if order == 0 {
                                std::thread::sleep(std::time::Duration::from_millis(20));
                            }
                            busy.fetch_sub(1, Ordering::Relaxed);
                            if order > 0 || unit == 0 {
                                resume_unwind(Box::new(Bomb));
                            }
                        }
                    },
                );
            }));
            assert_eq!(busy.into_inner(), 0, "the run ended before its threads");
            let payload = outcome.expect_err("the panic was lost");
            assert!(payload.is::<Bomb>());
            mem::forget(payload);
            walk(&mut team, 4);
        }
    }

    #[test]
    fn a_panic_where_units_are_counted_reaches_the_caller_and_the_team_survives() {
        for threads in [1, 2, 4] {
            let mut team = team(threads);
            for culprit in 0..5 {
                let last = AtomicUsize::new(0);
                let units = |stage: usize| if stage == culprit { resume_unwind(Box::new(stage)) } else { 3 };
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    team.run(5, units, |_, stage, taken| {
                        last.fetch_max(stage, Ordering::Relaxed);
                        taken.for_each(drop);
                    });
                }));
                assert_eq!(outcome.expect_err("the panic was lost").downcast_ref(), Some(&culprit));
                assert!(last.into_inner() <= culprit.saturating_sub(1), "stages after the panic were run");
                walk(&mut team, 4);
            }
        }
    }

    #[test]
    #[should_panic(expected = "stage 1 has 4294967295 units")]
    fn more_units_than_can_be_shared_panic() {
        let units = |stage: usize| stage * (Share::MOST + 1);
        team(2).run(2, units, |_, _, taken| assert_eq!(taken.count(), 0));
    }

    #[test]
    fn a_worker_warms_up_until_a_run_begins() {
        for threads in [2, 3] {
            let steps = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&steps);
            // Without end: only a run, or the end of the team, ends it.
            let step = move || Some(count.fetch_add(1, Ordering::Relaxed));
            let mut team = Team::new(threads, std::iter::from_fn(step)).unwrap();
            while steps.load(Ordering::Relaxed) < 1000 {
                std::thread::yield_now();
            }
            walk(&mut team, 5);
            drop(team);
            assert_eq!(Arc::strong_count(&steps), 1, "the worker still warms up");
            drop(Team::new(threads, std::iter::repeat(())).unwrap());
        }
        let alone = Team::new(1, std::iter::from_fn(|| -> Option<()> { panic!("there is no worker") }));
        assert_eq!(alone.unwrap().threads(), 1);
    }

    #[test]
    fn dropping_a_team_ends_its_workers() {
        let team = team(4);
        let shared = Arc::downgrade(team.shared.as_ref().unwrap());
        drop(team);
        assert_eq!(shared.strong_count(), 0, "a worker still holds the team's state");
    }
}
