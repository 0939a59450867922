//! Units, shared and taken.

use std::sync::atomic::AtomicUsize;

use super::*;

fn shares(units: usize, threads: usize) -> Vec<Share> {
    let shares: Vec<Share> = (0..threads).map(|_| Share::default()).collect();
    shares.iter().enumerate().for_each(|(thread, share)| share.put(units, thread, threads));
    shares
}

#[test]
fn a_range_is_run_in_order() {
    let mut units = Units::of(3..6);
    assert_eq!(units.by_ref().collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!((units.run(), units.next()), (3, None));
    assert_eq!(Units::of(2..2).next(), None);
    #[allow(clippy::reversed_empty_ranges)]
    let backwards = Units::of(3..2);
    assert_eq!(backwards.count(), 0);
}

#[test]
fn shares_are_as_even_as_can_be_and_taken_in_order() {
    for (units, threads) in [(0, 1), (1, 1), (7, 1), (7, 2), (2, 3), (100, 7), (Share::MOST, 2)] {
        let shares = shares(units, threads);
        let bounds = shares.iter().map(|share| share.0.load(Ordering::Relaxed)).map(|word| (word >> 32, word & 0xffff_ffff));
        let lens: Vec<u64> = bounds.map(|(begin, end)| end - begin).collect();
        assert_eq!(lens.iter().sum::<u64>(), units as u64);
        assert!(lens.iter().max().unwrap() - lens.iter().min().unwrap() <= 1, "{lens:?}");
    }
    let shares = shares(7, 2);
    assert_eq!(Units::claim(&shares, 0).unwrap().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(Units::claim(&shares, 1).unwrap().take(2).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn who_has_none_left_takes_half_of_another_share_from_the_back() {
    let shares = shares(12, 2);
    assert_eq!(Units::claim(&shares, 0).unwrap().count(), 6);
    let mut other = Units::claim(&shares, 1).unwrap();
    assert_eq!(other.next(), Some(6));
    // 7 to 11 are left: the middle one is taken too.
    let stolen = Units::claim(&shares, 0).unwrap();
    assert_eq!(stolen.collect::<Vec<_>>(), [9, 10, 11]);
    assert_eq!(Units::claim(&shares, 0).unwrap().collect::<Vec<_>>(), [8]);
    assert_eq!(other.next(), Some(7));
    assert!(other.next().is_none() && Units::claim(&shares, 0).is_none() && Units::claim(&shares, 1).is_none());
}

#[test]
fn each_unit_is_run_once_whoever_takes_it_and_after_the_one_before() {
    const UNITS: usize = 5000;
    for threads in [2, 3, 8] {
        let shares = shares(UNITS, threads);
        let seen: Vec<AtomicUsize> = (0..UNITS).map(|_| AtomicUsize::new(0)).collect();
        let run = |thread: usize| {
            while let Some(units) = Units::claim(&shares, thread) {
                let mut last = None;
                for unit in units {
                    assert!(last.is_none_or(|last| last + 1 == unit), "{unit} after {last:?}");
                    last = Some(unit);
                    seen[unit].fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| {
            // Joined one by one: ThreadSanitizer does not see how a scope waits.
            let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        assert!(seen.iter().all(|seen| seen.load(Ordering::Relaxed) == 1), "{threads} threads");
    }
}
