// prints: all refused
//! Models of threads, lengths and levels that there are not.
#![forbid(unsafe_code)]
use golden::{INPUT_LEN, LEVELS, Level, Model, ModelError, OUTPUT_LEN, runtime::SessionError};

fn main() {
    for threads in [0, 1025, usize::MAX] {
        assert_eq!(Model::new(threads).unwrap_err(), ModelError::Session(SessionError::WrongThreads(threads)));
    }
    assert_eq!(LEVELS, [Level::Portable]);
    for level in [Level::Neon, Level::Avx2, Level::Avx512] {
        let refused = Model::with_level(level, 1).unwrap_err();
        assert_eq!(refused, ModelError::NotCompiled(level));
        assert_eq!(refused.to_string(), format!("level {level} was not compiled in: this crate has portable"));
    }
    for threads in 1..=3 {
        let mut model = Model::with_level(Level::Portable, threads).unwrap();
        let (i, o) = (INPUT_LEN, OUTPUT_LEN);
        for (input, output) in [(0, 0), (0, o), (i, 0), (1, 1), (i - 1, o), (i, o + 1), (2 * i, o), (3 * i, 2 * o)] {
            let refused = model.run(&vec![0.0; input], &mut vec![0.0; output]);
            assert!(matches!(refused, Err(ModelError::Session(SessionError::WrongLength { .. }))), "{refused:?}");
        }
        for images in 1..4 {
            model.run(&vec![f32::NAN; images * i], &mut vec![0.0; images * o]).unwrap();
        }
        assert_eq!(model.level(), Level::Portable);
    }
    println!("all refused");
}
