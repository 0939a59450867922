//! Sessions under stress: more threads than work, many at once, refused threads. Errors, never a wait without end.

use std::process::Command;

use sartor_kernels::runtime::session::MAX_THREADS;
use sartor_kernels::runtime::{Context, Lengths, Level, Program, Session, SessionError, Stage, Units};

const LEN: usize = 5;

/// `arena[i] = 2 * input[i]`
unsafe extern "C" fn double(cx: &Context, units: &mut Units<'_>) {
    for i in units {
        // SAFETY: units are 0..LEN, the length of input and arena.
        unsafe { *cx.arena().add(i) = 2.0 * *cx.input().add(i) }
    }
}

/// `output[i] = arena[LEN - 1 - i]`: needs what other threads wrote.
unsafe extern "C" fn reverse(cx: &Context, units: &mut Units<'_>) {
    for i in units {
        // SAFETY: units are 0..LEN, the length of output and arena.
        unsafe { *cx.output().add(i) = *cx.arena().add(LEN - 1 - i) }
    }
}

/// A stage that computes nothing and has nothing to compute.
unsafe extern "C" fn nothing(_: &Context, units: &mut Units<'_>) {
    assert_eq!(units.count(), 0);
}

static STAGES: [Stage; 3] =
    [Stage::new("double", LEN, double), Stage::new("none", 0, nothing), Stage::new("reverse", LEN, reverse)];
static PROGRAM: Program = {
    let lengths = Lengths { input: LEN, output: LEN, arena: LEN, scratch: 33 };
    // SAFETY: the stages keep to these lengths.
    unsafe { Program::new(Level::Portable, 1, lengths, &[], &STAGES) }
};

const INPUT: [f32; LEN] = [1.0, 2.0, 3.0, 4.0, 5.0];
const OUTPUT: [f32; LEN] = [10.0, 8.0, 6.0, 4.0, 2.0];

fn run(session: &mut Session) -> Result<[f32; LEN], SessionError> {
    let mut output = [0.0; LEN];
    session.run(&INPUT, &mut output).map(|()| output)
}

#[test]
fn more_threads_than_units_compute_the_same() {
    for threads in [1, 2, LEN, LEN + 1, 3 * LEN, 64] {
        let mut session = Session::new(&PROGRAM, threads).unwrap();
        for _ in 0..3 {
            assert_eq!(run(&mut session), Ok(OUTPUT), "{threads} threads");
        }
    }
}

#[test]
fn as_many_threads_as_are_allowed_compute_the_same_or_are_refused() {
    match Session::new(&PROGRAM, MAX_THREADS) {
        Ok(mut session) => assert_eq!(run(&mut session), Ok(OUTPUT)),
        Err(error) => assert!(matches!(error, SessionError::NoThread { threads: MAX_THREADS, .. }), "{error}"),
    }
    for threads in [0, MAX_THREADS + 1, usize::MAX] {
        assert_eq!(Session::new(&PROGRAM, threads).unwrap_err(), SessionError::WrongThreads(threads));
    }
}

#[test]
fn sessions_come_and_go_while_others_run() {
    std::thread::scope(|scope| {
        for user in 0..6 {
            scope.spawn(move || {
                for round in 0..20 {
                    let mut session = Session::new(&PROGRAM, 1 + (user + round) % 3).unwrap();
                    for _ in 0..round % 4 {
                        assert_eq!(run(&mut session), Ok(OUTPUT), "user {user}, round {round}");
                    }
                }
            });
        }
    });
}

#[test]
fn a_wrong_length_leaves_the_session_usable() {
    let mut session = Session::new(&PROGRAM, 3).unwrap();
    for len in [0, 1, LEN - 1, LEN + 1, 100 * LEN + 1] {
        let wrong = |what, expected| Err(SessionError::WrongLength { what, expected, found: len });
        let images = (len / LEN).max(1);
        assert_eq!(session.run(&vec![0.0; len], &mut [0.0; LEN]), wrong("input", images * LEN));
        assert_eq!(session.run(&INPUT, &mut vec![0.0; len]), wrong("output", LEN));
        assert_eq!(run(&mut session), Ok(OUTPUT));
    }
}

const REFUSED: &str = "SARTOR_TEST_REFUSED_THREADS";

/// Five stacks fit the address space that the shell grants this test's second process, and a tenth of it is left over: threads that
/// have started need memory too.
#[test]
#[cfg(target_os = "linux")]
fn threads_that_the_system_refuses_are_an_error() {
    if std::env::var_os(REFUSED).is_some() {
        let error = Session::new(&PROGRAM, MAX_THREADS).unwrap_err();
        assert!(matches!(error, SessionError::NoThread { threads: MAX_THREADS, .. }), "{error}");
        assert!(error.to_string().contains("use fewer"), "{error}");
        assert_eq!(run(&mut Session::new(&PROGRAM, 2).unwrap()), Ok(OUTPUT), "the threads that were started have ended");
        println!("refused");
        return;
    }
    if cfg!(not(target_arch = "x86_64")) {
        // The emulator's own memory would have to fit as well.
        return sartor_kernels::report::skipped("threads that the system refuses", "only on x86-64");
    }
    let test = "threads_that_the_system_refuses_are_an_error";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -v 1000000 && exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .arg(test);
    shell.env(REFUSED, "1").env("RUST_MIN_STACK", "180000000").env("MALLOC_ARENA_MAX", "1");
    let output = shell.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("refused"), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
}
