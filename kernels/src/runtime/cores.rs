//! Which cores threads begin on. Nothing but time depends on it, and where the system refuses, it decides.
//!
//! Linux may start a thread on its creator's core and let both share it for milliseconds while another is idle, most of all in a
//! virtual machine, whose idle cores look to it as if another machine had taken them.

#[cfg(all(target_os = "linux", any(target_env = "gnu", target_env = "musl")))]
pub use linux::{place, places};

/// None: this system has no say in it.
#[cfg(not(all(target_os = "linux", any(target_env = "gnu", target_env = "musl"))))]
pub fn places(_: usize) -> Vec<usize> {
    Vec::new()
}

/// Leaves a thread where it is.
#[cfg(not(all(target_os = "linux", any(target_env = "gnu", target_env = "musl"))))]
pub fn place<T>(_: &std::thread::JoinHandle<T>, _: usize) {}

#[cfg(all(target_os = "linux", any(target_env = "gnu", target_env = "musl")))]
mod linux {
    use std::ffi::c_int;
    use std::fs;
    use std::os::unix::thread::{JoinHandleExt, RawPthread};
    use std::thread::JoinHandle;

    /// The C library's `cpu_set_t`: a bit for each logical core.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Set([usize; MOST / usize::BITS as usize]);

    /// Cores that a set can hold.
    const MOST: usize = 1024;

    unsafe extern "C" {
        fn sched_getcpu() -> c_int;
        /// Of the calling thread, where `thread` is 0.
        fn sched_getaffinity(thread: c_int, bytes: usize, cores: *mut Set) -> c_int;
        fn pthread_setaffinity_np(thread: RawPthread, bytes: usize, cores: *const Set) -> c_int;
    }

    impl Set {
        fn of(cores: impl IntoIterator<Item = usize>) -> Self {
            let mut set = Self([0; MOST / usize::BITS as usize]);
            for core in cores {
                set.0[core / usize::BITS as usize] |= 1 << (core % usize::BITS as usize);
            }
            set
        }

        fn cores(&self) -> Vec<usize> {
            let has = |core: &usize| self.0[core / usize::BITS as usize] >> (core % usize::BITS as usize) & 1 == 1;
            (0..MOST).filter(has).collect()
        }

        /// Those that the calling thread may use; `None` where the system has more than fit.
        fn allowed() -> Option<Self> {
            let mut set = Self::of([]);
            // SAFETY: the set has the length that is told.
            (unsafe { sched_getaffinity(0, size_of::<Self>(), &raw mut set) } == 0).then_some(set)
        }
    }

    /// Logical cores for the calling thread and others, `threads` in all or as many as there are, the caller's first: no two on one
    /// physical core while there are others. Empty where the system does not tell.
    pub fn places(threads: usize) -> Vec<usize> {
        // SAFETY: it takes nothing.
        let current = usize::try_from(unsafe { sched_getcpu() });
        let (Some(allowed), Ok(current)) = (Set::allowed(), current) else { return Vec::new() };
        spread(&allowed.cores(), current, threads, siblings)
    }

    fn spread(allowed: &[usize], current: usize, threads: usize, siblings: impl Fn(usize) -> Vec<usize>) -> Vec<usize> {
        let behind = allowed.partition_point(|&core| core < current);
        let mut order = [&allowed[behind..], &allowed[..behind]].concat();
        if order.first() != Some(&current) {
            return Vec::new();
        }
        if threads < order.len() {
            let (mut apart, mut taken) = (Vec::new(), Vec::new());
            for &core in &order {
                if apart.len() < threads && !taken.contains(&core) {
                    apart.push(core);
                    taken.extend(siblings(core));
                }
            }
            let others = order.into_iter().filter(|core| !apart.contains(core)).collect::<Vec<_>>();
            order = [apart, others].concat();
        }
        order.truncate(threads);
        order
    }

    /// The logical cores of a core's physical one; none where the system does not tell.
    fn siblings(core: usize) -> Vec<usize> {
        let list = fs::read_to_string(format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"));
        list.map(|list| numbers(list.trim())).unwrap_or_default()
    }

    /// The numbers of a list such as `0-1,8`.
    fn numbers(list: &str) -> Vec<usize> {
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.parse().ok()?..=last.parse().ok()?)
        };
        list.split(',').filter_map(range).flatten().take(MOST).collect()
    }

    /// Moves a thread to a core, and leaves it free to go wherever the caller may.
    pub fn place<T>(thread: &JoinHandle<T>, core: usize) {
        let Some(allowed) = Set::allowed() else { return };
        for set in [Set::of([core]), allowed] {
            // SAFETY: the handle keeps the thread's name valid, and the set has the length that is told.
            let _ = unsafe { pthread_setaffinity_np(thread.as_pthread_t(), size_of::<Set>(), &raw const set) };
        }
    }

    #[cfg(test)]
    mod tests {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicBool, Ordering};

        use super::*;

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
    }
}
