// prints: all refused
//! Lengths that wrap in the functions that stages call.
#![forbid(unsafe_code)]
use golden::runtime::layout::{log_softmax, scatter, softmax, unpack};
use std::panic::catch_unwind;

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    assert!(catch_unwind(|| unpack(&[0.0; 4], 1 << 32, 1 << 32, 1 << 32, 1, &mut [0.0; 4])).is_err());
    assert!(catch_unwind(|| unpack(&[0.0; 4], usize::MAX, 2, 2, 2, &mut [0.0; 4])).is_err());
    assert!(catch_unwind(|| unpack(&[0.0; 4], 4, 1, 1, 4, &mut [0.0; 3])).is_err());
    assert!(catch_unwind(|| log_softmax(&mut [0.0; 4], 0)).is_err());
    assert!(catch_unwind(|| softmax(&mut [0.0; 4], [3, 2], &[], true)).is_err());
    assert!(catch_unwind(|| scatter(&[0.0; 4], &[[2, 4, 1]], &mut [0.0; 4])).is_err());
    println!("all refused");
}
