//! One network compiled by two versions of Sartor, in one process: runs them in turns, in an order that a seed draws, and prints the tenth percentile of
//! the times of both in ms. Both find the machine in the same state, and neither is always first.
//!
//! usage: pair RUNS SEED

use std::time::Instant;

/// Runs that are not counted.
const FIRST: usize = 10;
/// A run that nothing disturbed: other programs slow down the rest.
const QUIET: f64 = 0.1;

type Run = Box<dyn FnMut(&[f32], &mut [f32])>;

#[cfg(not(feature = "old_has_no_model"))]
fn old() -> Run {
    let mut model = old::Model::new(1).expect("a level that this CPU has");
    Box::new(move |input, output| model.run(input, output).expect("lengths of the network"))
}

/// Crates of versions before `Model`.
#[cfg(feature = "old_has_no_model")]
fn old() -> Run {
    let program = old::best().expect("no limit is set").expect("a level that this CPU has");
    let mut session = old::runtime::Session::new(program, 1).expect("one thread needs none");
    Box::new(move |input, output| session.run(input, output).expect("lengths of the network"))
}

fn new() -> Run {
    let mut model = new::Model::new(1).expect("a level that this CPU has");
    Box::new(move |input, output| model.run(input, output).expect("lengths of the network"))
}

fn main() {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<u64>().expect("a number"));
    let (runs, seed) = (words.next().expect("RUNS") as usize, words.next().expect("SEED"));
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut coin = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random >> 33 & 1 == 1
    };
    let input: Vec<f32> = (0..new::INPUT_LEN).map(|i| (i * 7919 % 255) as f32 / 127.0 - 1.0).collect();
    let mut output = vec![0.0; new::OUTPUT_LEN];
    // The one that is opened first has the lower addresses.
    let mut models = if coin() {
        [old(), new()]
    } else {
        let (new, old) = (new(), old());
        [old, new]
    };
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..FIRST + runs {
        let first = usize::from(coin());
        for which in [first, 1 - first] {
            // The first run finds the caches full of the other's data.
            models[which](&input, &mut output);
            let start = Instant::now();
            models[which](&input, &mut output);
            if turn >= FIRST {
                times[which].push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let quiet = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[(QUIET * times.len() as f64) as usize]
    });
    println!("{} {}", quiet[0], quiet[1]);
}
