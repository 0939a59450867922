// prints: all refused
//! Pools of models, threads, lengths and levels that there are not, and callers that panic.
#![forbid(unsafe_code)]
use golden::{INPUT_LEN, Level, ModelError, OUTPUT_LEN, Pool, runtime::SessionError};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn main() {
    for models in [0, 1025, usize::MAX] {
        let refused = Pool::new(models, 1).unwrap_err();
        assert_eq!(refused, ModelError::WrongModels(models));
        assert_eq!(refused.to_string(), format!("models is {models}: use 1 to 1024"));
        assert_eq!(Pool::with_level(Level::Portable, models, 1).unwrap_err(), refused);
    }
    assert_eq!(Pool::new(2, 0).unwrap_err(), ModelError::Session(SessionError::WrongThreads(0)));
    assert_eq!(Pool::with_level(Level::Neon, 2, 1).unwrap_err(), ModelError::NotCompiled(Level::Neon));

    let pool = Pool::with_level(Level::Portable, 2, 1).unwrap();
    let runs = || pool.run(&[0.5; INPUT_LEN], &mut [0.0; OUTPUT_LEN]);
    assert!(matches!(pool.run(&[], &mut []), Err(ModelError::Session(SessionError::WrongLength { .. }))));
    // More panics than there are models.
    for _ in 0..5 {
        let panics = || {
            let _model = pool.get();
            panic!("a caller")
        };
        catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
        std::thread::scope(|scope| scope.spawn(panics).join().unwrap_err());
        runs().unwrap();
    }
    // What is never given back leaves the others.
    std::mem::forget(pool.get());
    runs().unwrap();
    println!("all refused");
}
