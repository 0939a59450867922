// refused: E0277
//! Sends the addresses of one thread to another.
#![forbid(unsafe_code)]
use golden::runtime::Context;
use std::ptr;

fn main() {
    let cx = Context::new(ptr::null(), ptr::null_mut(), (0, 1), ptr::null_mut(), ptr::null_mut(), ptr::null());
    std::thread::spawn(move || println!("{cx:?}")).join().unwrap();
}
