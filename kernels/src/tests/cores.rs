//! Which cores threads begin on.

#![cfg(all(target_os = "linux", any(target_env = "gnu", target_env = "musl")))]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::linux::{Set, numbers, place, places, spread};

#[test]
fn a_set_holds_the_cores_it_is_made_of() {
    for cores in [vec![], vec![0], vec![3, 63, 64, 1023]] {
        assert_eq!(Set::of(cores.clone()).cores(), cores);
    }
}

#[test]
fn threads_begin_on_physical_cores_of_their_own_while_there_are_some() {
    let allowed = [0, 1, 2, 3, 6, 7];
    // Two ways in which systems number the logical cores of a physical one.
    let pairs = |core: usize| vec![core / 2 * 2, core / 2 * 2 + 1];
    let halves = |core: usize| vec![core % 4, core % 4 + 4];
    assert_eq!(spread(&allowed, 1, 2, pairs), [1, 2]);
    assert_eq!(spread(&allowed, 1, 4, pairs), [1, 2, 6, 3]);
    assert_eq!(spread(&allowed, 6, 6, pairs), [6, 7, 0, 1, 2, 3]);
    assert_eq!(spread(&allowed, 3, 9, pairs), [3, 6, 7, 0, 1, 2]);
    assert_eq!(spread(&allowed, 3, 2, halves), [3, 6]);
    assert_eq!(spread(&allowed, 3, 4, halves), [3, 6, 0, 1]);
    assert_eq!(spread(&allowed, 2, 5, halves), [2, 3, 0, 1, 6]);
    assert_eq!(spread(&allowed, 7, 2, |_| Vec::new()), [7, 0], "a system that does not tell");
    assert_eq!(spread(&allowed, 5, 2, pairs), [0; 0], "a core that is not allowed any more");
}

#[test]
fn lists_of_cores_are_read() {
    assert_eq!(numbers("0-1,8"), [0, 1, 8]);
    assert_eq!(numbers("5"), [5]);
    assert_eq!(numbers("x,2-,3-4"), [3, 4]);
    assert_eq!(numbers(""), [0; 0]);
}

#[test]
fn a_placed_thread_may_still_run_wherever_its_creator_may() {
    let places = places(4);
    assert!(!places.is_empty());
    for core in places {
        let placed = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&placed);
        let thread = std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Set::allowed()
        });
        place(&thread, core);
        placed.store(true, Ordering::Relaxed);
        let allowed = thread.join().unwrap();
        assert!(allowed.is_some() && allowed == Set::allowed(), "{core}");
    }
}
