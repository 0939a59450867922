//! Which cores threads begin on. Nothing but time depends on it, and where the system refuses, it decides.

#[cfg(all(target_os = "linux", any(target_env = "gnu", target_env = "musl")))]
pub use linux::place;

/// Leaves a thread where it is: this system has no say in it.
#[cfg(not(all(target_os = "linux", any(target_env = "gnu", target_env = "musl"))))]
pub fn place<T>(_: &std::thread::JoinHandle<T>, _: usize) {}

#[cfg(all(target_os = "linux", any(target_env = "gnu", target_env = "musl")))]
mod linux {
    use std::ffi::c_int;
    use std::os::unix::thread::{JoinHandleExt, RawPthread};
    use std::thread::JoinHandle;

    /// Words of the C library's `cpu_set_t`.
    const WORDS: usize = 1024 / usize::BITS as usize;

    /// The C library's `cpu_set_t`: a bit for each core.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Cores([usize; WORDS]);

    unsafe extern "C" {
        fn sched_getcpu() -> c_int;
        /// Of the calling thread, where `thread` is 0.
        fn sched_getaffinity(thread: c_int, bytes: usize, cores: *mut Cores) -> c_int;
        fn pthread_setaffinity_np(thread: RawPthread, bytes: usize, cores: *const Cores) -> c_int;
    }

    impl Cores {
        /// Those that the calling thread may use; `None` where the system has more than fit.
        pub fn allowed() -> Option<Self> {
            let mut cores = Self([0; WORDS]);
            // SAFETY: the set has the length that is told.
            (unsafe { sched_getaffinity(0, size_of::<Self>(), &raw mut cores) } == 0).then_some(cores)
        }

        fn has(&self, core: usize) -> bool {
            self.0[core / usize::BITS as usize] >> (core % usize::BITS as usize) & 1 == 1
        }

        fn only(core: usize) -> Self {
            let mut cores = Self([0; WORDS]);
            cores.0[core / usize::BITS as usize] = 1 << (core % usize::BITS as usize);
            cores
        }

        /// The core `nth` places behind `current`, going round.
        pub fn after(&self, current: usize, nth: usize) -> Option<usize> {
            let cores: Vec<usize> = (0..WORDS * usize::BITS as usize).filter(|&core| self.has(core)).collect();
            let at = cores.iter().position(|&core| core == current)?;
            Some(cores[(at + nth) % cores.len()])
        }
    }

    /// Moves a new thread to the `nth` core after the caller's, of those that the caller may use, and leaves it free to go elsewhere.
    /// Linux may start a thread on its creator's core and let both share it for milliseconds while another core is idle.
    pub fn place<T>(thread: &JoinHandle<T>, nth: usize) {
        // SAFETY: it takes nothing.
        let current = usize::try_from(unsafe { sched_getcpu() });
        let (Some(allowed), Ok(current)) = (Cores::allowed(), current) else { return };
        let Some(core) = allowed.after(current, nth).filter(|&core| core != current) else { return };
        for cores in [Cores::only(core), allowed] {
            // SAFETY: the handle keeps the thread's name valid, and the set has the length that is told.
            let _ = unsafe { pthread_setaffinity_np(thread.as_pthread_t(), size_of::<Cores>(), &raw const cores) };
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn cores_are_counted_from_the_current_one_and_go_round() {
            let mut cores = Cores::only(2);
            for core in [3, 70, 1023] {
                (0..WORDS).for_each(|word| cores.0[word] |= Cores::only(core).0[word]);
            }
            let after = |nth| cores.after(3, nth);
            assert_eq!([after(0), after(1), after(2), after(3), after(4)], [3, 70, 1023, 2, 3].map(Some));
            assert_eq!(cores.after(4, 1), None, "a core that is not allowed any more");
        }

        #[test]
        fn a_placed_thread_may_still_run_wherever_its_creator_may() {
            for nth in 0..4 {
                let (placed, wait) = std::sync::mpsc::channel();
                let thread = std::thread::spawn(move || {
                    wait.recv().unwrap();
                    Cores::allowed()
                });
                place(&thread, nth);
                placed.send(()).unwrap();
                let allowed = thread.join().unwrap();
                assert!(allowed.is_some() && allowed == Cores::allowed(), "{nth}");
            }
        }
    }
}
