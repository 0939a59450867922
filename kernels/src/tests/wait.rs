//! Waiting for a stage, a turn, a bell.

use super::*;

#[test]
fn the_last_unit_done_ends_a_stage() {
    let progress = Progress::default();
    progress.set(5);
    assert_eq!([1, 3, 1].map(|units| progress.done(units)), [false, false, true]);
}

#[test]
fn turns_follow_one_another() {
    let progress = Progress::default();
    let mut turns = vec![progress.turn()];
    for stages in [1, 3, 2] {
        for _ in 0..stages {
            progress.open();
            turns.push(progress.turn());
        }
        progress.end();
        turns.push(progress.turn());
    }
    let running = turns.iter().map(|turn| turn.is_running()).collect::<Vec<_>>();
    assert_eq!(running, [false, true, false, true, true, true, false, true, true, false]);
    assert!((1..turns.len()).all(|at| !turns[..at].contains(&turns[at])), "{turns:?}");
}

#[test]
fn who_waits_sees_the_next_turn() {
    let progress = Progress::default();
    let start = progress.turn();
    thread::scope(|scope| {
        let waits = scope.spawn(|| {
            progress.wait(start);
            progress.turn()
        });
        progress.open();
        assert!(waits.join().unwrap().is_running());
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
