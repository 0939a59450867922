// refused: E0451
//! A context of pointers to nothing, around its constructor.
#![forbid(unsafe_code)]
use golden::runtime::Context;
use std::ptr;

fn main() {
    let cx = Context::new(ptr::null(), ptr::null_mut(), (0, 1), ptr::null_mut(), ptr::null_mut(), ptr::null());
    println!("{:?}", Context { arena: 64 as *mut f32, ..cx });
}
