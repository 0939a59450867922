//! Checks the proof's induction over the units of a range by brute force. A plan that is proven computes the same bits however
//! its units are split over threads. So does every mutant of it that is proven.

use proptest::prelude::*;
use sartor_kernels::runtime::Level;

use super::numbers;
use super::sample::{images, layers};
use crate::interpret::{self, Memory};
use crate::plan::Plan;
use crate::prove;
use crate::schedule::{self, Options};

/// Runs a plan. Each stage's units are cut before those for which `cuts` is true. Each range runs in fresh scratch memory, in the
/// order given.
fn run(plan: &Plan, weights: &[f32], cuts: impl Fn(usize, usize) -> bool, backwards: bool) -> Memory {
    let mut memory = interpret::memory(plan, weights, &images(plan, 5));
    for (index, stage) in plan.stages.iter().enumerate() {
        let mut starts: Vec<usize> = (0..stage.code.units).filter(|&unit| unit == 0 || cuts(index, unit)).collect();
        starts.push(stage.code.units);
        let mut ranges: Vec<(usize, usize)> = starts.windows(2).map(|pair| (pair[0], pair[1])).collect();
        if backwards {
            ranges.reverse();
        }
        for (begin, end) in ranges {
            memory.scratch = vec![f32::NAN; plan.lengths.scratch];
            for call in stage.code.calls(begin, end).unwrap() {
                interpret::call(&call, &plan.kernels, &mut memory);
            }
        }
    }
    memory
}

fn bits(plan: &Plan, memory: &Memory) -> Vec<u32> {
    interpret::output(plan, memory).into_iter().map(f32::to_bits).collect()
}

/// Checks that all splits agree and that none returns what was never written. The bits of a number say where units are split.
fn all_splits_agree(plan: &Plan, weights: &[f32], splits: impl Iterator<Item = u64>) {
    let whole = bits(plan, &run(plan, weights, |_, _| false, false));
    assert!(whole.iter().all(|&x| !f32::from_bits(x).is_nan()), "something was not written");
    for split in splits {
        let cuts = |stage: usize, unit: usize| split >> ((unit + stage) % 64) & 1 == 1;
        for backwards in [false, true] {
            assert!(bits(plan, &run(plan, weights, cuts, backwards)) == whole, "split {split:b}, backwards: {backwards}");
        }
    }
}

#[test]
fn every_split_of_the_sample_agrees() {
    let (layers, packed) = layers();
    for batch in [1, 2] {
        let options = Options { batch, ..Options::new(Level::Avx512) };
        let plan = schedule::plan(&layers, &packed, &options).unwrap();
        prove::plan(&plan, &packed.data).unwrap();
        // Chains have three strips an image.
        assert_eq!(plan.stages.iter().filter(|stage| stage.rows.is_some()).map(|stage| stage.code.units).max(), Some(3 * batch));
        all_splits_agree(&plan, &packed.data, 0..1 << (3 * batch));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn splits_of_a_proven_mutant_agree(target: prop::sample::Index, up: bool, by in prop_oneof![Just(1usize), Just(16)], split: u64) {
        let (layers, packed) = layers();
        let mut plan = schedule::plan(&layers, &packed, &Options::new(Level::Avx512)).unwrap();
        let mut count = 0;
        numbers::each(&mut plan, &mut |_, _| count += 1);
        let (target, mut at) = (target.index(count), 0);
        numbers::each(&mut plan, &mut |_, number| {
            if at == target {
                *number = if up { *number + by } else { number.saturating_sub(by) };
            }
            at += 1;
        });
        if prove::plan(&plan, &packed.data).is_ok() && plan.lengths.input == images(&plan, 1).len() {
            all_splits_agree(&plan, &packed.data, std::iter::once(split));
        }
    }
}
