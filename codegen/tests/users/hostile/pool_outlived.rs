// refused: E0505
//! Keeps a model beyond its pool.
#![forbid(unsafe_code)]
use golden::Pool;

fn main() {
    let pool = Pool::new(1, 1).unwrap();
    let mut model = pool.get();
    drop(pool);
    model.run(&[0.0; 48], &mut [0.0; 4]).unwrap();
}
