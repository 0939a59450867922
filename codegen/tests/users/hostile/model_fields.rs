// refused: E0616
//! Gives a model another's session.
#![forbid(unsafe_code)]
use golden::Model;

fn main() {
    let (mut a, mut b) = (Model::new(1).unwrap(), Model::new(2).unwrap());
    std::mem::swap(&mut a.session, &mut b.session);
}
