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
    pub(super) struct Set([usize; MOST / usize::BITS as usize]);

    /// Cores that a set can hold.
    const MOST: usize = 1024;

    unsafe extern "C" {
        fn sched_getcpu() -> c_int;
        /// Of the calling thread, where `thread` is 0.
        fn sched_getaffinity(thread: c_int, bytes: usize, cores: *mut Set) -> c_int;
        fn pthread_setaffinity_np(thread: RawPthread, bytes: usize, cores: *const Set) -> c_int;
    }

    impl Set {
        pub(super) fn of(cores: impl IntoIterator<Item = usize>) -> Self {
            let mut set = Self([0; MOST / usize::BITS as usize]);
            for core in cores {
                set.0[core / usize::BITS as usize] |= 1 << (core % usize::BITS as usize);
            }
            set
        }

        pub(super) fn cores(&self) -> Vec<usize> {
            let has = |core: &usize| self.0[core / usize::BITS as usize] >> (core % usize::BITS as usize) & 1 == 1;
            (0..MOST).filter(has).collect()
        }

        /// Those that the calling thread may use; `None` where the system has more than fit.
        pub(super) fn allowed() -> Option<Self> {
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

    pub(super) fn spread(
        allowed: &[usize],
        current: usize,
        threads: usize,
        siblings: impl Fn(usize) -> Vec<usize>,
    ) -> Vec<usize> {
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
    pub(super) fn numbers(list: &str) -> Vec<usize> {
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
}

#[cfg(test)]
#[path = "../tests/cores.rs"]
mod tests;
