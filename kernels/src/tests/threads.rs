//! Teams of threads.

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
    let runs: Vec<Vec<AtomicUsize>> = (0..stages).map(|stage| (0..units(stage)).map(|_| AtomicUsize::new(0)).collect()).collect();
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
