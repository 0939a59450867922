//! Sessions of a program of two stages.

use super::super::{Lengths, Level, Stage};
use super::*;

const LEN: usize = 100;

/// `arena[i] = 2 * input[i]`, by way of the thread's scratch memory.
unsafe extern "C" fn double(cx: &Context, units: &mut Units<'_>) {
    for i in units {
        // SAFETY: units are 0..LEN, the length of input and arena; scratch is not empty.
        unsafe {
            *cx.scratch() = *cx.input().add(i);
            *cx.arena().add(i) = *cx.scratch() + *cx.input().add(i);
        }
    }
}

/// `output[i] = arena[LEN - 1 - i] * weights[0]`: needs what other threads wrote.
unsafe extern "C" fn reverse(cx: &Context, units: &mut Units<'_>) {
    for i in units {
        // SAFETY: units are 0..LEN, the length of a pass's output and arena; weights is not empty.
        unsafe { *cx.output().add(cx.pass() * LEN + i) = *cx.arena().add(LEN - 1 - i) * *cx.weights() }
    }
}

#[repr(align(64))]
struct OnALine([f32; 1]);
static WEIGHTS: OnALine = OnALine([10.0]);
static STAGES: [Stage; 2] = [Stage::new("double", LEN, double), Stage::new("reverse", LEN, reverse)];

const LENGTHS: Lengths = Lengths { input: LEN, output: LEN, arena: LEN, scratch: 1 };

const fn program(level: Level, lengths: Lengths) -> Program {
    // SAFETY: the stages keep to `LENGTHS`, and no test's are shorter. The weights are aligned.
    unsafe { Program::new(level, 1, lengths, &WEIGHTS.0, &STAGES) }
}

static PROGRAM: Program = program(Level::Portable, LENGTHS);
static OTHER: Program = program(Level::Portable, LENGTHS);
/// More than there is.
const MUCH: usize = 1 << (usize::BITS - 8);
static OLD: Program = {
    let mut program = program(Level::Portable, LENGTHS);
    // SAFETY: a program begins with the number of its contract.
    unsafe { *(&raw mut program).cast() = ABI + 1 };
    program
};
static LARGE: Program = program(Level::Portable, Lengths { arena: MUCH, ..LENGTHS });
static ENDLESS: Program = program(Level::Portable, Lengths { scratch: usize::MAX, ..LENGTHS });
static FOREIGN: Program = program(if cfg!(target_arch = "aarch64") { Level::Avx2 } else { Level::Neon }, LENGTHS);

fn input() -> Vec<f32> {
    (0..LEN).map(|i| i as f32).collect()
}

#[test]
fn a_program_gives_the_same_on_any_number_of_threads_again_and_again() {
    let expected: Vec<f32> = (0..LEN).rev().map(|i| 20.0 * i as f32).collect();
    for threads in [1, 2, 3, 8, 130] {
        let mut session = Session::new(&PROGRAM, threads).unwrap();
        for _ in 0..3 {
            let mut output = vec![0.0; LEN];
            session.run(&input(), &mut output).unwrap();
            assert_eq!(output, expected, "{threads} threads");
        }
        assert_eq!(session.arena()[7], 14.0);
        assert_eq!(session.scratch().len(), 1);
    }
}

#[test]
fn a_run_takes_as_many_images_as_it_is_given() {
    for threads in [1, 2, 3] {
        let mut session = Session::new(&PROGRAM, threads).unwrap();
        for passes in [1, 2, 3, 4, 7] {
            let input: Vec<f32> = (0..passes * LEN).map(|i| i as f32).collect();
            let reversed = |pass: &[f32]| -> Vec<f32> { pass.iter().rev().map(|x| 20.0 * x).collect() };
            let expected: Vec<f32> = input.chunks_exact(LEN).flat_map(reversed).collect();
            let mut output = vec![0.0; passes * LEN];
            session.run(&input, &mut output).unwrap();
            assert_eq!(output, expected, "{passes} passes on {threads} threads");
            output.fill(0.0);
            for turn in 0..session.turns(passes) {
                (0..2).for_each(|stage| session.run_stage(turn, stage, &input, &mut output).unwrap());
            }
            assert_eq!(output, expected, "{passes} passes on {threads} threads, stage by stage");
        }
    }
}

#[test]
#[should_panic(expected = "turn 2 of 2")]
fn turns_that_do_not_exist_panic() {
    let mut session = Session::new(&PROGRAM, 2).unwrap();
    let _ = session.run_stage(2, 0, &[0.0; 3 * LEN], &mut [0.0; 3 * LEN]);
}

#[test]
fn units_run_one_by_one() {
    let mut session = Session::new(&PROGRAM, 2).unwrap();
    let mut output = vec![0.0; LEN];
    session.run_units(0, 10, 12, &input(), &mut output).unwrap();
    assert_eq!(session.arena()[9..13], [0.0, 20.0, 22.0, 0.0]);
    session.arena_mut()[LEN - 1] = 3.0;
    session.run_units(1, 0, 1, &input(), &mut output).unwrap();
    assert_eq!(output[..2], [30.0, 0.0]);
}

#[test]
#[should_panic(expected = "units 0..101 of 100")]
fn units_that_do_not_exist_panic() {
    let mut session = Session::new(&PROGRAM, 1).unwrap();
    let _ = session.run_units(0, 0, LEN + 1, &input(), &mut vec![0.0; LEN]);
}

#[test]
fn wrong_lengths_are_errors() {
    let mut session = Session::new(&PROGRAM, 1).unwrap();
    let wrong = |what, found| Err(SessionError::WrongLength { what, expected: LEN, found });
    assert_eq!(session.run(&[0.0; LEN - 1], &mut [0.0; LEN]), wrong("input", LEN - 1));
    assert_eq!(session.run(&[0.0; LEN], &mut [0.0; LEN + 1]), wrong("output", LEN + 1));
    let two = |what, found| Err(SessionError::WrongLength { what, expected: 2 * LEN, found });
    assert_eq!(session.run(&[0.0; 2 * LEN + 1], &mut [0.0; 2 * LEN]), two("input", 2 * LEN + 1));
    assert_eq!(session.run(&[0.0; 2 * LEN], &mut [0.0; LEN]), two("output", LEN));
    assert_eq!(session.run_units(0, 0, 1, &[], &mut [0.0; LEN]), wrong("input", 0));
}

#[test]
fn what_cannot_be_opened_says_why() {
    let out_of_memory = |bytes| SessionError::OutOfMemory(OutOfMemory { bytes });
    let cases = [
        (Session::new(&OLD, 1), SessionError::WrongAbi(ABI + 1), "compile it again"),
        (Session::new(&FOREIGN, 1), SessionError::LevelUnavailable(FOREIGN.level()), FOREIGN.level().name()),
        (Session::new(&LARGE, 2), out_of_memory(8 * (MUCH + APART)), "bytes of memory cannot be had"),
        (Session::new(&LARGE, 1024), out_of_memory(usize::MAX), "use fewer threads"),
        (Session::new(&ENDLESS, 1), out_of_memory(usize::MAX), "use fewer threads"),
        (Session::new(&PROGRAM, 0), SessionError::WrongThreads(0), "threads is 0"),
        (Session::new(&PROGRAM, usize::MAX), SessionError::WrongThreads(usize::MAX), "1 to 1024"),
    ];
    for (session, expected, text) in cases {
        let error = session.unwrap_err();
        assert_eq!(error, expected);
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn copied_weights_give_the_same_and_are_shared() {
    let mut copied = Session::new(&PROGRAM, 1).unwrap();
    let (mut other, mut foreign) = (Session::new(&PROGRAM, 2).unwrap(), Session::new(&OTHER, 1).unwrap());
    let place = |session: &Session| session.weights.as_ptr();
    assert_eq!(place(&copied), PROGRAM.weights().as_ptr());
    copied.copy_weights().unwrap();
    let copy = place(&copied);
    assert_ne!(copy, PROGRAM.weights().as_ptr());
    copied.copy_weights().unwrap();
    assert_eq!(place(&copied), copy, "copied twice");
    for session in [&mut other, &mut foreign] {
        session.share_weights(&copied);
    }
    assert_eq!([place(&other), place(&foreign)], [copy, OTHER.weights().as_ptr()]);
    drop(copied);
    let expected: Vec<f32> = (0..LEN).rev().map(|i| 20.0 * i as f32).collect();
    let mut output = vec![0.0; LEN];
    other.run(&input(), &mut output).unwrap();
    assert_eq!(output, expected);
}

#[test]
fn sessions_move_between_threads() {
    fn send<T: Send>() {}
    send::<Session>();
}

/// Memory for good, which begins so many f32 behind a boundary of 64 bytes.
fn lent(len: usize, behind: usize) -> &'static mut [f32] {
    let whole = Vec::leak(vec![f32::NAN; len + behind + 16]);
    let first = whole.as_ptr().align_offset(64);
    &mut whole[first + behind..][..len]
}

#[test]
fn a_session_in_the_callers_memory_gives_the_same() {
    let needed = memory_len(LENGTHS).unwrap();
    let mut expected = vec![0.0; 3 * LEN];
    let input = [input(), input(), input()].concat();
    Session::new(&PROGRAM, 1).unwrap().run(&input, &mut expected).unwrap();
    for more in [0, 1000] {
        let mut session = Session::in_memory(&PROGRAM, lent(needed + more, 0)).unwrap();
        for _ in 0..2 {
            let mut output = vec![0.0; 3 * LEN];
            session.run(&input, &mut output).unwrap();
            assert_eq!(output, expected);
        }
    }
}

#[test]
fn memory_that_will_not_do_is_refused() {
    let needed = memory_len(LENGTHS).unwrap();
    let refused = |program, memory| Session::in_memory(program, memory).unwrap_err();
    let little = SessionError::LittleMemory { needed, found: needed - 1 };
    assert_eq!(refused(&PROGRAM, lent(needed - 1, 0)), little);
    assert_eq!(refused(&PROGRAM, &mut []), SessionError::LittleMemory { needed, found: 0 });
    for behind in [1, 8, 15] {
        assert_eq!(refused(&PROGRAM, lent(needed, behind)), SessionError::Unaligned);
    }
    assert_eq!(refused(&OLD, lent(needed, 0)), SessionError::WrongAbi(ABI + 1));
    assert_eq!(refused(&FOREIGN, lent(needed, 0)), SessionError::LevelUnavailable(FOREIGN.level()));
    assert_eq!(refused(&ENDLESS, lent(needed, 0)), SessionError::OutOfMemory(OutOfMemory { bytes: usize::MAX }));
}
