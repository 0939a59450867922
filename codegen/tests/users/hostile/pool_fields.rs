// refused: E0616
//! Puts a model into a pool that was not in it.
#![forbid(unsafe_code)]
use golden::{Model, Pool};

fn main() {
    let pool = Pool::new(1, 1).unwrap();
    let mut model = pool.get();
    model.model = Some(Model::new(1).unwrap());
}
