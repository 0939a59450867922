//! Every interleaving of small teams: stages do not overlap, what one writes the next one reads, nobody sleeps forever, a panic
//! is passed on and the team goes on. Loom fails on a race, on a deadlock and on what a weak memory may show.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Arc;

/// Preemptions of an interleaving. With as many, two runs of two stages take minutes.
const PREEMPTIONS: usize = 3;

fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// A cell that a thread writes in one stage and others read in the next.
struct Cell(UnsafeCell<usize>);

// SAFETY: loom fails where two threads access it without order.
unsafe impl Sync for Cell {}

impl Cell {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn set(&self, value: usize) {
        // SAFETY: as above.
        self.0.with_mut(|cell| unsafe { *cell = value });
    }

    fn get(&self) -> usize {
        // SAFETY: as above.
        self.0.with(|cell| unsafe { *cell })
    }
}

/// Runs a team and checks that each stage reads what its neighbour wrote in the one before, whoever ran it. Units are written once.
macro_rules! team {
    ($runtime:ident, $threads:expr, $runs:expr, $stages:expr, $units:expr) => {
        || {
            let mut team = sartor_loom::$runtime::threads::Team::new($threads, std::iter::empty::<()>()).unwrap();
            for run in 1..=$runs {
                let cells: Vec<Cell> = (0..$units).map(|_| Cell::new()).collect();
                team.run($stages, |_| $units, |_, stage, taken| {
                    for unit in taken {
                        match stage % 2 {
                            0 => {
                                assert!(stage > 0 || cells[unit].get() == 0, "unit {unit} was run already");
                                cells[unit].set(10 * run + stage)
                            }
                            _ => assert_eq!(cells[(unit + 1) % $units].get(), 10 * run + stage - 1),
                        }
                    }
                });
                // The caller reads what workers wrote.
                cells.iter().filter(|_| $stages > 0).for_each(|cell| assert!(cell.get() >= 10 * run));
            }
        }
    };
}

#[test]
fn two_threads_walk_through_stages_again_and_again() {
    explore(PREEMPTIONS - 1, team!(real, 2, 2, 2, 2));
    explore(PREEMPTIONS, team!(real, 2, 1, 2, 2));
    explore(PREEMPTIONS, team!(real, 2, 2, 1, 2));
}

#[test]
fn two_threads_overwrite_what_was_read() {
    explore(PREEMPTIONS, team!(real, 2, 1, 3, 2));
}

#[test]
fn units_are_taken_from_the_thread_that_is_busy() {
    explore(PREEMPTIONS, team!(real, 2, 1, 1, 5));
    explore(PREEMPTIONS, team!(real, 2, 1, 2, 3));
}

/// Not all interleavings: three threads that poll have too many.
#[test]
fn three_threads_share_stages_in_many_interleavings() {
    let mut builder = Builder::new();
    builder.max_permutations = Some(20_000);
    builder.max_branches = 10_000;
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.check(team!(real, 3, 1, 2, 4));
}

#[test]
fn a_team_that_never_ran_ends() {
    explore(PREEMPTIONS, team!(real, 2, 0, 0, 1));
    explore(PREEMPTIONS, team!(real, 2, 1, 0, 1));
}

/// Panics in the units of the first stage that `$panics` tells, and runs the team once more.
macro_rules! panics {
    ($runtime:ident, $panics:expr) => {
        || {
            let mut team = sartor_loom::$runtime::threads::Team::new(2, std::iter::empty::<()>()).unwrap();
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                team.run(2, |_| 2, |_, stage, taken| {
                    for unit in taken {
                        assert_eq!(stage, 0, "a stage after the panic was run");
                        if $panics(unit) {
                            resume_unwind(Box::new(7_i32));
                        }
                    }
                });
            }));
            assert_eq!(outcome.expect_err("the panic was lost").downcast_ref::<i32>(), Some(&7));
            let cell = Cell::new();
            team.run(1, |_| 2, |_, _, taken| taken.filter(|&unit| unit == 1).for_each(|_| cell.set(1)));
            assert_eq!(cell.get(), 1);
        }
    };
}

#[test]
fn a_panic_is_passed_on_and_the_team_goes_on() {
    explore(PREEMPTIONS, panics!(real, |unit| unit == 0));
    explore(PREEMPTIONS, panics!(real, |unit| unit == 1));
}

#[test]
fn one_of_two_panics_at_once_is_passed_on() {
    explore(PREEMPTIONS, panics!(real, |_| true));
}

/// What panics again when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("dropped"));
    }
}

/// Panics in all units at once with what must not be dropped, and looks whether a thread is at work when the run has ended.
macro_rules! bombs {
    ($runtime:ident) => {
        || {
            let mut team = sartor_loom::$runtime::threads::Team::new(2, std::iter::empty::<()>()).unwrap();
            let cells = [Cell::new(), Cell::new()];
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                team.run(1, |_| 2, |_, _, taken| {
                    for unit in taken {
                        cells[unit].set(1);
                        resume_unwind(Box::new(Bomb));
                    }
                });
            }));
            let payload = outcome.expect_err("the panic was lost");
            assert!(payload.is::<Bomb>());
            std::mem::forget(payload);
            cells.iter().for_each(|cell| cell.set(2));
        }
    };
}

#[test]
fn what_later_panics_hold_is_not_dropped() {
    explore(PREEMPTIONS, bombs!(real));
}

/// Panics where the units of the second stage are counted, on whichever thread ends the first, and runs the team once more.
macro_rules! counting_panics {
    ($runtime:ident) => {
        || {
            let mut team = sartor_loom::$runtime::threads::Team::new(2, std::iter::empty::<()>()).unwrap();
            let units = |stage: usize| if stage == 1 { resume_unwind(Box::new(7_i32)) } else { 2 };
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                team.run(2, units, |_, stage, taken| {
                    assert_eq!(stage, 0, "a stage after the panic was run");
                    taken.for_each(drop);
                });
            }));
            assert_eq!(outcome.expect_err("the panic was lost").downcast_ref::<i32>(), Some(&7));
            let cell = Cell::new();
            team.run(1, |_| 2, |_, _, taken| taken.filter(|&unit| unit == 1).for_each(|_| cell.set(1)));
            assert_eq!(cell.get(), 1);
        }
    };
}

#[test]
fn a_panic_where_units_are_counted_is_passed_on_and_the_team_goes_on() {
    explore(PREEMPTIONS, counting_panics!(real));
}

/// What was written before the bell is read after it. In a team, loom counts the unparking that follows as an order too; here a
/// thread may hear the bell before it is unparked.
macro_rules! bell {
    ($runtime:ident) => {
        || {
            let (bell, cell) = (Arc::new(sartor_loom::$runtime::wait::Doorbell::default()), Arc::new(Cell::new()));
            let (heard, read) = (bell.clone(), cell.clone());
            let hearer = loom::thread::spawn(move || {
                assert_eq!(heard.wait(0), 1);
                assert_eq!(read.get(), 1);
            });
            cell.set(1);
            bell.ring();
            loom::thread::yield_now();
            hearer.thread().unpark();
            hearer.join().unwrap();
        }
    };
}

#[test]
fn what_is_written_before_the_bell_is_read_after_it() {
    explore(PREEMPTIONS, bell!(real));
}

/// Mistakes that a model above must find.
macro_rules! mutants {
    ($($mutant:ident: $model:expr;)*) => {
        $(#[test] fn $mutant() {
            assert!(catch_unwind(|| explore(PREEMPTIONS, $model)).is_err(), "no interleaving shows the mistake");
        })*
    };
}

mutants! {
    units_are_put_relaxed: team!(units_are_put_relaxed, 2, 2, 2, 2);
    units_are_taken_relaxed: team!(units_are_taken_relaxed, 2, 2, 2, 2);
    units_are_taken_twice: team!(units_are_taken_twice, 2, 1, 1, 3);
    units_are_done_relaxed: team!(units_are_done_relaxed, 2, 2, 2, 2);
    a_run_ends_relaxed: team!(a_run_ends_relaxed, 2, 2, 2, 2);
    a_turn_is_seen_relaxed: team!(a_turn_is_seen_relaxed, 2, 2, 2, 2);
    a_stage_ends_before_it_is_open: team!(a_stage_ends_before_it_is_open, 2, 2, 2, 2);
    every_panic_is_the_first: panics!(every_panic_is_the_first, |_| true);
    later_panics_are_dropped: bombs!(later_panics_are_dropped);
    counting_is_not_caught: counting_panics!(counting_is_not_caught);
    bell_rings_relaxed: bell!(bell_rings_relaxed);
    bell_is_heard_relaxed: bell!(bell_is_heard_relaxed);
}

/// Loom reports a deadlock, and then the threads that are stuck cannot be unwound: a process of its own.
#[test]
fn bell_wakes_nobody() {
    const CHILD: &str = "SARTOR_LOOM_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return explore(PREEMPTIONS, team!(bell_wakes_nobody, 2, 1, 1, 1));
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let ended = child.args(["--exact", "bell_wakes_nobody", "--nocapture"]).env(CHILD, "1").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("deadlock"), "no interleaving shows the mistake: {said}");
}
