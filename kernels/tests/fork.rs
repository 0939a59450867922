//! Sessions in a forked child: an error, never a wait without end. The only test of its process, because a child can start a thread
//! only if none of its parent's was being started or ended at the fork: the standard library holds a lock meanwhile, and so does the
//! emulator.
#![cfg(unix)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sartor_kernels::runtime::{Context, Lengths, Level, Program, Session, SessionError, Stage, Units};

const THREADS: usize = 3;

/// Units begun; a multiple of any `TOGETHER` between runs.
static ARRIVED: AtomicUsize = AtomicUsize::new(0);

/// `output[i] = 2 * input[i]`, once `TOGETHER` units are under way, each on a thread of its own.
unsafe extern "C" fn double<const TOGETHER: usize>(cx: &Context, units: &mut Units<'_>) {
    for i in units {
        let before = ARRIVED.fetch_add(1, Ordering::Relaxed) / TOGETHER * TOGETHER;
        while ARRIVED.load(Ordering::Relaxed) < before + TOGETHER {
            std::thread::yield_now();
        }
        // SAFETY: units are 0..THREADS, the length of input and output.
        unsafe { *cx.output().add(i) = 2.0 * *cx.input().add(i) }
    }
}

const fn program(stage: &'static Stage) -> Program {
    let lengths = Lengths { input: THREADS, output: THREADS, arena: 1, scratch: 1 };
    // SAFETY: the stages below keep to these lengths.
    unsafe { Program::new(Level::Portable, 1, lengths, &[], std::slice::from_ref(stage)) }
}

static BY_ALL: Stage = Stage::new("double", THREADS, double::<THREADS>);
static BY_ONE: Stage = Stage::new("double", THREADS, double::<1>);
static SHARED: Program = program(&BY_ALL);
static SINGLE: Program = program(&BY_ONE);

const OUTPUT: [f32; THREADS] = [2.0, 4.0, 6.0];

fn run(session: &mut Session) -> Result<[f32; THREADS], SessionError> {
    let mut output = [0.0; THREADS];
    session.run(&[1.0, 2.0, 3.0], &mut output).map(|()| output)
}

unsafe extern "C" {
    fn fork() -> i32;
    fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
    fn kill(process: i32, signal: i32) -> i32;
    fn _exit(status: i32) -> !;
}
const WNOHANG: i32 = 1;
const SIGKILL: i32 = 9;

/// What a forked child checks about sessions of its parent; the number of the first check that fails.
fn forked_child(mut shared: Session, single: &mut Session) -> i32 {
    if run(&mut shared) != Err(SessionError::Forked) {
        return 1;
    }
    drop(shared);
    if run(single) != Ok(OUTPUT) {
        return 2;
    }
    let of_its_own = Session::new(&SHARED, THREADS).and_then(|mut session| run(&mut session));
    if of_its_own == Ok(OUTPUT) { 0 } else { 3 }
}

#[test]
fn a_forked_child_gets_an_error_and_can_open_sessions_of_its_own() {
    let mut shared = Session::new(&SHARED, THREADS).unwrap();
    let mut single = Session::new(&SINGLE, 1).unwrap();
    assert_eq!(run(&mut shared), Ok(OUTPUT), "all threads have started");
    // SAFETY: the child only runs the code below, which needs no other thread of this process, and ends without unwinding.
    let child = unsafe { fork() };
    if child == 0 {
        let outcome = catch_unwind(AssertUnwindSafe(|| forked_child(shared, &mut single)));
        // SAFETY: ends the process at once, as a forked child of a process with threads should.
        unsafe { _exit(outcome.unwrap_or(100)) };
    }
    assert!(child > 0, "{}", std::io::Error::last_os_error());
    let (start, mut status) = (Instant::now(), 0);
    // SAFETY: `status` is valid, and the child is ours.
    while unsafe { waitpid(child, &raw mut status, WNOHANG) } == 0 {
        if start.elapsed() > Duration::from_secs(300) {
            // SAFETY: the child is ours and was not waited for.
            unsafe { kill(child, SIGKILL) };
            panic!("the child hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(status, 0, "the child's check {} failed", status >> 8);
    assert_eq!(run(&mut shared), Ok(OUTPUT), "the parent's session is as it was");
}
