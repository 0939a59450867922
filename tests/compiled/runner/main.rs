//! Calls kernels on the memory that a file describes, every buffer of every call in a place of its own, and writes what they left.
//!
//!     runner LEVEL low|high|heap INPUT OUTPUT SHIFT [--trace]
//!
//! Pointers are moved by SHIFT f32, which must be noticed if it is not 0.
//! A file is a row of 32-bit words, little-endian. For each problem: the lengths of the four regions and the number of steps;
//! the input and the weights; and for each step a kernel's number and, for each of its buffers, a region and an offset. The step
//! `NEW_SCRATCH` has no buffers. The output is each problem's arena.

mod place;

use std::io::Write;

use place::{Placement, Places};

/// A function under test.
pub struct Kernel {
    pub name: &'static str,
    /// Lengths in f32, and whether it is written.
    pub buffers: &'static [(usize, bool)],
    pub run: unsafe fn(&[*mut f32]),
}

const NEW_SCRATCH: u32 = u32::MAX;
const INPUT: usize = 0;
const ARENA: usize = 1;
const SCRATCH: usize = 2;
const WEIGHTS: usize = 3;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let kernels = kernels(&args[0]);
    let placement = match &*args[1] {
        "low" => Placement::Low,
        "high" => Placement::High,
        "heap" => Placement::Heap,
        other => panic!("placement '{other}'"),
    };
    let shift: isize = args[4].parse().unwrap();
    let trace = args.get(5).is_some_and(|arg| arg == "--trace");
    let bytes = std::fs::read(&args[2]).unwrap();
    let words: Vec<u32> = bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
    let mut words = words.into_iter();
    let longest = kernels.iter().flat_map(|kernel| kernel.buffers).map(|&(len, _)| len).max().unwrap();
    let most = kernels.iter().map(|kernel| kernel.buffers.len()).max().unwrap();
    let mut places = Places::new(placement, most, longest);
    let mut output = std::io::BufWriter::new(std::fs::File::create(&args[3]).unwrap());
    let (mut problems, mut calls) = (0, 0);
    while let Some(input) = words.next() {
        let input = input as usize;
        let mut next = || words.next().expect("the file ends too early") as usize;
        let mut regions = [input, next(), next(), next()].map(|len| vec![f32::NAN; len]);
        let steps = next();
        for region in [INPUT, WEIGHTS] {
            regions[region].iter_mut().for_each(|x| *x = f32::from_bits(next() as u32));
        }
        for _ in 0..steps {
            let number = next();
            if number == NEW_SCRATCH as usize {
                regions[SCRATCH].fill(f32::NAN);
                continue;
            }
            let kernel = &kernels[number];
            let args: Vec<(usize, usize)> = kernel.buffers.iter().map(|_| (next(), next())).collect();
            if trace {
                eprintln!("{}", kernel.name);
            }
            call(kernel, &args, &mut regions, &mut places, shift);
            calls += 1;
        }
        for x in &regions[ARENA] {
            output.write_all(&x.to_bits().to_le_bytes()).unwrap();
        }
        problems += 1;
    }
    output.flush().unwrap();
    println!("{problems} problems, {calls} calls");
}

fn call(kernel: &Kernel, args: &[(usize, usize)], regions: &mut [Vec<f32>; 4], places: &mut Places, shift: isize) {
    let parts = args.iter().zip(kernel.buffers);
    let before: Vec<Vec<f32>> = parts.map(|(&(region, at), &(len, _))| regions[region][at..at + len].to_vec()).collect();
    let placed: Vec<*mut f32> = before.iter().enumerate().map(|(index, buffer)| places.put(index, buffer)).collect();
    // SAFETY: each pointer is valid for the kernel's length of that buffer; if the kernel goes beyond, this process ends, which
    // is what it is for. The CPU has the level, or ends the process too.
    unsafe { (kernel.run)(&placed.iter().map(|at| at.wrapping_offset(shift)).collect::<Vec<_>>()) };
    for (index, (&(region, at), &(len, written))) in args.iter().zip(kernel.buffers).enumerate() {
        // SAFETY: as long as what was put there.
        let after = unsafe { std::slice::from_raw_parts(placed[index], len) };
        for (i, (&old, &new)) in before[index].iter().zip(after).enumerate() {
            if old.to_bits() != new.to_bits() {
                assert!(written, "{} writes to buffer {index}, which it should only read", kernel.name);
                regions[region][at + i] = new;
            }
        }
    }
    places.clear();
}

fn kernels(level: &str) -> &'static [Kernel] {
    match level {
        // LEVELS
        other => panic!("no kernels for level '{other}'"),
    }
}
