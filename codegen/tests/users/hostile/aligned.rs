// prints: all refused
//! Memory that is too large, and values beyond its end.
#![forbid(unsafe_code)]
use golden::runtime::Aligned;
use std::panic::catch_unwind;

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    assert!(Aligned::try_zeroed(usize::MAX).is_err() && Aligned::try_zeroed(isize::MAX as usize / 4).is_err());
    assert!(catch_unwind(|| Aligned::zeroed(usize::MAX)).is_err());
    assert!(catch_unwind(|| Aligned::zeroed(16)[16]).is_err());
    assert!(catch_unwind(|| Aligned::copy_of(&[1.0; 3])[3..9].len()).is_err());
    let (mut a, mut b) = (Aligned::zeroed(1), Aligned::copy_of(&[1.0; 1000]));
    std::mem::swap(&mut a, &mut b);
    assert_eq!((a[999], b.len()), (1.0, 1));
    println!("all refused");
}
