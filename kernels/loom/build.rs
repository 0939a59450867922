//! Writes the runtime's threads, and how they share and wait, on loom's types, and mutants of them. The sources stay as they are vendored.

use std::path::Path;
use std::{env, fs};

/// What differs between the standard library and its models.
const THREADS: [(&str, &str); 12] = [
    ("use std::cell::UnsafeCell;", "use loom::cell::UnsafeCell;"),
    ("use std::sync::atomic::{AtomicBool, Ordering};", "use loom::sync::atomic::{AtomicBool, Ordering};"),
    ("use std::sync::Arc;", "use loom::sync::Arc;"),
    ("use std::thread::{Builder, JoinHandle};", "use loom::thread::{Builder, JoinHandle};"),
    // Where a thread runs is nothing to a model.
    ("use super::cores;", ""),
    ("cores::places(threads);", "Vec::<usize>::new();"),
    ("cores::place(&worker, core);", "let _ = core;"),
    // Loom tracks who accesses a cell in a closure.
    ("unsafe { *self.job.get() = job };", "self.job.with_mut(|cell| unsafe { *cell = job });"),
    ("unsafe { *self.job.get() };", "self.job.with(|cell| unsafe { *cell });"),
    ("unsafe { *self.panic.get() = Some(payload) };", "self.panic.with_mut(|cell| unsafe { *cell = Some(payload) });"),
    ("unsafe { (*shared.panic.get()).take() };", "shared.panic.with_mut(|cell| unsafe { (*cell).take() });"),
    ("#[cfg(test)]", "#[cfg(any())]"),
];
const UNITS: [(&str, &str); 2] = [
    ("use std::sync::atomic::{AtomicU64, Ordering};", "use loom::sync::atomic::{AtomicU64, Ordering};"),
    ("#[cfg(test)]", "#[cfg(any())]"),
];
/// Polling longer makes more interleavings, and no new ones.
const WAIT: [(&str, &str); 6] = [
    ("use std::hint::spin_loop;", "use loom::hint::spin_loop;"),
    ("use std::sync::atomic::{AtomicUsize, Ordering};", "use loom::sync::atomic::{AtomicUsize, Ordering};"),
    ("use std::thread;", "use loom::thread;"),
    ("SPINS_BEFORE_YIELD: usize = 512;", "SPINS_BEFORE_YIELD: usize = 2;"),
    ("SPINS_BEFORE_PARK: usize = 16_384;", "SPINS_BEFORE_PARK: usize = 2;"),
    ("#[cfg(test)]", "#[cfg(any())]"),
];

/// The files of the protocol, in the order of [`Sources`].
const FILES: [(&str, &[(&str, &str)]); 3] = [("threads", &THREADS), ("units", &UNITS), ("wait", &WAIT)];

type Sources = [String; 3];

/// Mistakes that the models must find: in which file, what, and what instead.
const MUTANTS: [(&str, &str, &str, &str); 13] = [
    ("units_are_put_relaxed", "units", "bound(thread + 1), Ordering::Release)", "bound(thread + 1), Ordering::Relaxed)"),
    ("units_are_taken_relaxed", "units", "Ordering::Acquire, Ordering::Relaxed)", "Ordering::Relaxed, Ordering::Relaxed)"),
    ("units_are_taken_twice", "units", "(middle..units.end, units.start..middle)", "(middle..units.end, units.start..units.end)"),
    ("units_are_done_relaxed", "wait", "Ordering::AcqRel", "Ordering::Relaxed"),
    ("a_run_ends_relaxed", "wait", "turn & !1, Ordering::Release)", "turn & !1, Ordering::Relaxed)"),
    ("a_turn_is_seen_relaxed", "wait", "self.turn.0.load(Ordering::Acquire)", "self.turn.0.load(Ordering::Relaxed)"),
    ("a_stage_ends_before_it_is_open", "threads", "self.progress.set(units + 1);", "self.progress.set(units);"),
    ("every_panic_is_the_first", "threads", "!self.panicked.swap(true, Ordering::Relaxed)", "{ self.panicked.store(true, Ordering::Relaxed); true }"),
    ("later_panics_are_dropped", "threads", "else {\n            mem::forget(payload);", "else {\n            drop(payload);"),
    ("counting_is_not_caught", "threads", "match catch_unwind(AssertUnwindSafe(|| unsafe { job.from(stage) })) {", "match Ok::<_, Box<dyn Any + Send>>(unsafe { job.from(stage) }) {"),
    ("bell_rings_relaxed", "wait", "fetch_add(1, Ordering::Release)", "fetch_add(1, Ordering::Relaxed)"),
    ("bell_is_heard_relaxed", "wait", "self.rings.0.load(Ordering::Acquire)", "self.rings.0.load(Ordering::Relaxed)"),
    ("bell_wakes_nobody", "threads", "self.workers.iter().for_each(|worker| worker.thread().unpark());", ""),
];

fn main() {
    let runtime = Path::new("../src/runtime");
    let read = |(name, changes): (&str, &[(&str, &str)])| {
        let path = runtime.join(name).with_extension("rs");
        println!("cargo:rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = changes.iter().fold(text, |text, (from, to)| replaced(&text, from, to, name));
        // An included file has no documentation of its own.
        text.lines().filter(|line| !line.starts_with("//!")).map(|line| format!("{line}\n")).collect::<String>()
    };
    let real: Sources = FILES.map(read);
    let mut text = module("real", &real);
    for (name, file, from, to) in MUTANTS {
        let at = FILES.iter().position(|(name, _)| *name == file).unwrap_or_else(|| panic!("{name}: no file '{file}'"));
        let mut sources = real.clone();
        sources[at] = replaced(&sources[at], from, to, name);
        text += &module(name, &sources);
    }
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("runtime.rs"), text).unwrap();
    println!("cargo:rerun-if-changed=build.rs");
}

fn module(name: &str, sources: &Sources) -> String {
    let files = FILES.iter().zip(sources).map(|((name, _), text)| format!("pub mod {name} {{\n{text}}}\n"));
    format!("pub mod {name} {{\n{}}}\n", files.collect::<String>())
}

fn replaced(text: &str, from: &str, to: &str, what: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{what}: '{from}' must be there once: bring kernels/loom/build.rs up to date");
    text.replace(from, to)
}
