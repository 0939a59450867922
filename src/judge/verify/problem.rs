//! Verifies a problem that is given in one line: compares it with the f64 reference, and with other ways to compute it.

use sartor_codegen::compile::plan;
use sartor_codegen::interpret;
use sartor_codegen::ir::isa;
use sartor_codegen::lab::Problem;
use sartor_codegen::network::pack::pack;
use sartor_codegen::plan::Plan;
use sartor_kernels::runtime::Level;

use super::compiled::check;
use super::distance::Distance;
use super::error::VerifyError;
use super::judge::{Again, Case, judge};
use super::verdict::Verdict;
use crate::compile::{Model, Planned};
use crate::judge::observe::Interpreter;
use crate::tuning::Tunings;

/// Interprets a problem's plan for a level and checks every layer as [`verify`](super::verify) does. If all values are integers
/// so small that no order of summation rounds, every error must be zero. The output must have the same bits on the problem's
/// number of threads, and in all plans that sum in the same order: with and without fused layers, with a small and a large cache,
/// with random strips and tiles and those of the cost model, and at another level that fuses multiply-adds as this one does.
///
/// # Errors
/// If the network cannot be planned.
pub fn interpret(problem: &Problem, level: Level) -> Result<Vec<Verdict>, VerifyError> {
    let weights = problem.weights();
    let layers = problem.layers(&weights)?;
    let packed = pack(&layers);
    let images = problem.images();
    let program = plan(&layers, &packed, &problem.options(&layers, level))?;
    let run = |program: &Plan, threads: usize| interpret::plan(program, &packed.data, &images, threads).1;
    let mut again =
        vec![Again { how: format!("on {} threads", problem.threads), elsewhere: false, output: run(&program, problem.threads) }];
    for (other, at) in others(problem, level) {
        let output = run(&plan(&layers, &packed, &other.options(&layers, at))?, 1);
        again.push(Again { how: format!("as level={at} {other}"), elsewhere: at != level, output });
    }
    let mut executor = Interpreter::new(&program, &packed.data, &images);
    let planned = Planned::from(program.clone());
    let (network, planned) = (&problem.network, &planned);
    let case = Case { network, weights: &weights, layers: &layers, planned, input: &images, again: &again };
    let verdicts = judge(case, &mut executor)?;
    Ok(if problem.is_exact(&weights) { verdicts.into_iter().map(exact).collect() } else { verdicts })
}

/// Compiles a problem for a level of this CPU and checks it as [`interpret()`] does, but without other plans. If it has Winograd
/// convolutions, those are that compiling makes.
///
/// # Errors
/// If the network cannot be compiled or run.
pub fn compiled(problem: &Problem, level: Level) -> Result<Vec<Verdict>, VerifyError> {
    let weights = problem.weights();
    let tunings = Tunings::installed().0.with_winograd(problem.winograd.is_some());
    let model = Model::open_tuned(&problem.network, &weights, level, 1, &tunings)?;
    let verdicts = check(&model, &problem.network, &weights, &problem.images())?;
    Ok(if problem.is_exact(&weights) { verdicts.into_iter().map(exact).collect() } else { verdicts })
}

/// Other plans that must return the same bits.
fn others(problem: &Problem, level: Level) -> Vec<(Problem, Level)> {
    let l2 = if problem.l2 > 1 << 15 { 1 << 12 } else { 1 << 20 };
    let tune = if problem.tune == 0 { 1 + problem.seed } else { 0 };
    let changed = [
        Problem { fuse: !problem.fuse, tune: 0, ..problem.clone() },
        Problem { l2, tune: 0, ..problem.clone() },
        Problem { tune, ..problem.clone() },
    ];
    let alike = |&other: &Level| other != level && isa::of(other).fuses == isa::of(level).fuses;
    let elsewhere = Level::ALL.into_iter().find(alike).map(|other| (problem.clone(), other));
    changed.into_iter().map(|other| (other, level)).chain(elsewhere).collect()
}

/// The same verdict with bounds of zero.
fn exact(verdict: Verdict) -> Verdict {
    let exact = |distance: Distance| Distance { bound: 0.0, ..distance };
    Verdict { layer: exact(verdict.layer), network: exact(verdict.network), ..verdict }
}

#[cfg(test)]
mod tests {
    use sartor_codegen::schedule::Options;

    use super::*;

    fn problem(line: &str) -> Problem {
        line.parse().unwrap()
    }

    /// What does not sum in the same way is not taken for the same.
    #[test]
    fn other_bits_are_a_fault() {
        let problem = problem("ic3ih9iw9 conv_oc16kh3ph1 silu conv_oc5");
        let weights = problem.weights();
        let layers = problem.layers(&weights).unwrap();
        let packed = pack(&layers);
        let images = problem.images();
        let made = |level| plan(&layers, &packed, &Options::new(level)).unwrap();
        let output = |level| interpret::plan(&made(level), &packed.data, &images, 1).1;
        let avx2 = made(Level::Avx2);
        for (level, same) in [(Level::Neon, true), (Level::Portable, false)] {
            let mut executor = Interpreter::new(&avx2, &packed.data, &images);
            let again = [Again { how: format!("at {level}"), elsewhere: true, output: output(level) }];
            let planned = Planned::from(avx2.clone());
            let (network, planned) = (&problem.network, &planned);
            let case = Case { network, weights: &weights, layers: &layers, planned, input: &images, again: &again };
            let verdicts = judge(case, &mut executor).unwrap();
            assert_eq!(verdicts.iter().all(Verdict::holds), same, "{verdicts:#?}");
        }
    }

    #[test]
    fn integers_are_allowed_no_error_where_nothing_rounds() {
        let line = "data=integers ic3ih5iw5 conv_oc8kh3ph1_bias relu6 conv_g2oc6 maxpool_kh3ph1 add@3,4";
        for (line, exact) in [(line.into(), true), (format!("{line} silu"), false)] {
            let problem = problem(&line);
            assert_eq!(problem.is_exact(&problem.weights()), exact);
            for level in Level::ALL {
                let verdicts = interpret(&problem, level).unwrap();
                assert!(verdicts.iter().all(Verdict::holds), "{verdicts:#?}");
                assert_eq!(verdicts.iter().all(|verdict| verdict.layer.bound == 0.0 && verdict.network.bound == 0.0), exact);
            }
        }
    }
}
