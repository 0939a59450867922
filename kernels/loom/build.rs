//! Writes the runtime's threads and barrier on loom's types, and mutants of them. The sources stay as they are vendored.

use std::path::Path;
use std::{env, fs};

/// What differs between the standard library and its models.
const THREADS: [(&str, &str); 10] = [
    ("use std::cell::UnsafeCell;", "use loom::cell::UnsafeCell;"),
    ("use std::sync::atomic::{AtomicBool, Ordering};", "use loom::sync::atomic::{AtomicBool, Ordering};"),
    ("use std::sync::{Arc, Mutex, PoisonError};", "use loom::sync::{Arc, Mutex};\nuse std::sync::PoisonError;"),
    ("use std::thread::{Builder, JoinHandle};", "use loom::thread::{Builder, JoinHandle};"),
    // Where a thread runs is nothing to a model.
    ("use super::cores;", ""),
    ("cores::places(threads);", "Vec::<usize>::new();"),
    ("cores::place(&worker, core);", "let _ = core;"),
    // Loom tracks who accesses a cell in a closure.
    ("unsafe { *shared.job.get() = job };", "shared.job.with_mut(|cell| unsafe { *cell = job });"),
    ("unsafe { *self.job.get() };", "self.job.with(|cell| unsafe { *cell });"),
    ("#[cfg(test)]", "#[cfg(any())]"),
];
/// Polling longer makes more interleavings, and no new ones.
const BARRIER: [(&str, &str); 6] = [
    ("use std::hint::spin_loop;", "use loom::hint::spin_loop;"),
    ("use std::sync::atomic::{AtomicUsize, Ordering};", "use loom::sync::atomic::{AtomicUsize, Ordering};"),
    ("use std::thread;", "use loom::thread;"),
    ("SPINS_BEFORE_YIELD: usize = 512;", "SPINS_BEFORE_YIELD: usize = 2;"),
    ("SPINS_BEFORE_PARK: usize = 16_384;", "SPINS_BEFORE_PARK: usize = 2;"),
    ("#[cfg(test)]", "#[cfg(any())]"),
];

/// Mistakes that the models must find: in which file, what, and what instead.
const MUTANTS: [(&str, &str, &str, &str); 6] = [
    ("barrier_arrives_relaxed", "barrier", "fetch_add(1, Ordering::AcqRel)", "fetch_add(1, Ordering::Relaxed)"),
    ("barrier_opens_relaxed", "barrier", "wrapping_add(1), Ordering::Release)", "wrapping_add(1), Ordering::Relaxed)"),
    ("barrier_leaves_relaxed", "barrier", "self.round.0.load(Ordering::Acquire)", "self.round.0.load(Ordering::Relaxed)"),
    ("bell_rings_relaxed", "barrier", "fetch_add(1, Ordering::Release)", "fetch_add(1, Ordering::Relaxed)"),
    ("bell_is_heard_relaxed", "barrier", "self.rings.0.load(Ordering::Acquire)", "self.rings.0.load(Ordering::Relaxed)"),
    ("bell_wakes_nobody", "threads", "self.workers.iter().for_each(|worker| worker.thread().unpark());", ""),
];

fn main() {
    let runtime = Path::new("../src/runtime");
    let read = |name: &str, changes: &[(&str, &str)]| {
        let path = runtime.join(name);
        println!("cargo:rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = changes.iter().fold(text, |text, (from, to)| replaced(&text, from, to, name));
        // An included file has no documentation of its own.
        text.lines().filter(|line| !line.starts_with("//!")).map(|line| format!("{line}\n")).collect::<String>()
    };
    let (threads, barrier) = (read("threads.rs", &THREADS), read("barrier.rs", &BARRIER));
    let mut text = module("real", &threads, &barrier);
    for (name, file, from, to) in MUTANTS {
        text += &match file {
            "threads" => module(name, &replaced(&threads, from, to, name), &barrier),
            _ => module(name, &threads, &replaced(&barrier, from, to, name)),
        };
    }
    fs::write(Path::new(&env::var("OUT_DIR").unwrap()).join("runtime.rs"), text).unwrap();
    println!("cargo:rerun-if-changed=build.rs");
}

fn module(name: &str, threads: &str, barrier: &str) -> String {
    format!("pub mod {name} {{\npub mod barrier {{\n{barrier}}}\npub mod threads {{\n{threads}}}\n}}\n")
}

fn replaced(text: &str, from: &str, to: &str, what: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{what}: '{from}' must be there once: bring kernels/loom/build.rs up to date");
    text.replace(from, to)
}
