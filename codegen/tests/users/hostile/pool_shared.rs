// refused: E0499
//! Runs one model of a pool on two threads at once.
#![forbid(unsafe_code)]
use golden::Pool;

fn main() {
    let pool = Pool::new(1, 1).unwrap();
    let mut model = pool.get();
    std::thread::scope(|scope| {
        scope.spawn(|| model.run(&[0.0; 48], &mut [0.0; 4]));
        scope.spawn(|| model.run(&[0.0; 48], &mut [0.0; 4]));
    });
}
