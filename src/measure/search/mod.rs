//! Searches for the fastest way to compute each problem of a network on this machine, by measuring.
//!
//! A problem is a sequence of layers that may share stages. First, ways to divide it into stages are timed. Then, for each stage of the best
//! division, changes are timed one at a time. Last, the changes that helped are timed together. All candidates of a trial are in one
//! program, and their runs are interleaved.

mod error;
mod trial;

use std::collections::BTreeMap;
use std::time::Instant;

use sartor_codegen::compile;
use sartor_codegen::network::layers::{LayerId, Normalized};
use sartor_codegen::schedule::Options;
use sartor_codegen::schedule::alternatives::{Alternative, Run, alternatives, apply, by_panels, estimated, runs, together};
use sartor_codegen::schedule::tuning::Choice;
use sartor_models::{Network, Weights};

use crate::tuning::TunedProblem;
use trial::{Candidate, time};

pub use error::TuneError;

/// Measures the seconds that each candidate takes.
type Clock<'a> = dyn Fn(&[Candidate]) -> Result<Vec<f64>, TuneError> + 'a;

/// The least gain for which a choice other than the cost model's is taken. A smaller gain may be noise.
const GAIN: f64 = 0.02;

/// The most layers that are tried in one stage. The cost model's own stages are tried however long they are.
const LONGEST: usize = 3;

/// Finds the distinct problems of a network. Those with most work come first.
///
/// # Errors
/// If the network cannot be normalised.
pub fn problems(network: &Network, weights: &Weights, options: &Options) -> Result<Problems, TuneError> {
    let layers = compile::layers(network, weights, std::slice::from_ref(options))?;
    let mut distinct: BTreeMap<String, (u64, Run)> = BTreeMap::new();
    for run in runs(&layers, options) {
        let macs: u64 = run.layers.iter().map(|&layer| layers[layer].macs).sum();
        distinct.entry(run.problem.clone()).or_insert((0, run)).0 += macs;
    }
    let mut runs: Vec<(u64, Run)> = distinct.into_values().collect();
    runs.sort_by_key(|(macs, _)| std::cmp::Reverse(*macs));
    Ok(Problems { layers, runs: runs.into_iter().map(|(_, run)| run).collect() })
}

/// The problems of a network.
#[derive(Clone, Debug)]
pub struct Problems {
    layers: Normalized,
    /// The distinct problems, those with most work first.
    pub runs: Vec<Run>,
}

impl Problems {
    /// Searches for the fastest way to compute a problem. No trial begins after `until`, except the first one.
    ///
    /// # Errors
    /// If a trial cannot be built or run.
    pub fn tune(&self, network: &Network, run: &Run, options: &Options, until: Instant) -> Result<TunedProblem, TuneError> {
        let clock = |stages: &[Candidate]| time(network, &self.layers, options, stages);
        let model = estimated(&self.layers, &run.layers, options);
        // First: ways to divide the problem into stages.
        let spans = self.spans(run, &model, options);
        let times = clock(&spans)?;
        let of = |stage: &Candidate| spans.iter().position(|span| span == stage).map_or(f64::INFINITY, |at| times[at]);
        let model_stages = located(&run.layers, &model);
        let mut model_time: f64 = model_stages.iter().map(of).sum();
        let (mut best, mut best_time) = shortest(run.layers.len(), &run.layers, &spans, &times);
        if best_time > model_time * (1.0 - GAIN) {
            (best, best_time) = (model_stages.clone(), model_time);
        }
        if Instant::now() < until {
            let improved = self.improve(&best, options, until, &clock)?;
            if improved != best {
                // Times the best ones again, side by side: the best of many times is good by luck in part.
                let all: Vec<Candidate> = model_stages.iter().chain(&best).chain(&improved).cloned().collect();
                let times = clock(&all)?;
                let sum = |from: usize, count: usize| times[from..][..count].iter().sum::<f64>();
                let (cut, end) = (model_stages.len(), model_stages.len() + best.len());
                model_time = sum(0, cut);
                best_time = sum(cut, best.len());
                let mut picked = best.clone();
                for (at, stage) in improved.iter().enumerate() {
                    if times[end + at] < times[cut + at] * (1.0 - GAIN) {
                        picked[at] = stage.clone();
                        best_time += times[end + at] - times[cut + at];
                    }
                }
                best = picked;
            }
        }
        let kept = if best_time < model_time * (1.0 - GAIN) { best } else { model_stages };
        let us = |seconds: f64| (seconds * 1e7).round() / 10.0;
        let stages = kept.into_iter().map(|(_, choice)| choice).collect();
        Ok(TunedProblem { stages, model_us: us(model_time), best_us: us(best_time.min(model_time)) })
    }

    /// The parts of a problem that are tried as stages: all short ones, and those of the cost model.
    fn spans(&self, run: &Run, model: &[Choice], options: &Options) -> Vec<Candidate> {
        let mut spans = Vec::new();
        for begin in 0..run.layers.len() {
            for end in begin + 1..=run.layers.len().min(begin + LONGEST) {
                let part = &run.layers[begin..end];
                spans.push((part.to_vec(), together(&self.layers, part, options)));
                if part.len() == 1 {
                    spans.extend(by_panels(&self.layers, part[0]).map(|choice| (part.to_vec(), choice)));
                }
            }
        }
        let missing = located(&run.layers, model).into_iter().filter(|stage| !spans.contains(stage));
        let missing: Vec<Candidate> = missing.collect();
        spans.extend(missing);
        spans
    }

    /// Stages with the changes that make each faster, at most one for each aspect.
    fn improve(
        &self,
        stages: &[Candidate],
        options: &Options,
        until: Instant,
        clock: &Clock<'_>,
    ) -> Result<Vec<Candidate>, TuneError> {
        let mut improved = stages.to_vec();
        for (at, (layers, base)) in stages.iter().enumerate() {
            if at > 0 && Instant::now() >= until {
                break;
            }
            let others: Vec<Alternative> = alternatives(&self.layers, layers, base, options);
            let mut trial = vec![(layers.clone(), base.clone())];
            trial.extend(others.iter().map(|other| (layers.clone(), other.choice.clone())));
            let times = clock(&trial)?;
            let mut best: BTreeMap<_, (f64, &Alternative)> = BTreeMap::new();
            for (&time, other) in times[1..].iter().zip(&others) {
                let entry = best.entry(other.aspect).or_insert((time, other));
                if time < entry.0 {
                    *entry = (time, other);
                }
            }
            let helps = |(time, _): &&(f64, &Alternative)| *time < times[0] * (1.0 - GAIN / 2.0);
            let mut changes: Vec<&(f64, &Alternative)> = best.values().filter(helps).collect();
            changes.sort_by(|a, b| a.0.total_cmp(&b.0));
            let Some((_, single)) = changes.first() else { continue };
            let combined = changes.iter().fold(base.clone(), |choice, (_, other)| apply(&choice, other));
            improved[at].1 = single.choice.clone();
            if combined != single.choice && Instant::now() < until {
                let pair = [(layers.clone(), single.choice.clone()), (layers.clone(), combined)];
                let times = clock(&pair)?;
                improved[at] = pair[usize::from(times[1] < times[0])].clone();
            }
        }
        Ok(improved)
    }
}

/// Consecutive stages, each with its layers.
fn located(run: &[LayerId], choices: &[Choice]) -> Vec<Candidate> {
    let mut at = 0;
    let mut stages = Vec::new();
    for choice in choices {
        stages.push((run[at..at + choice.layers()].to_vec(), choice.clone()));
        at += choice.layers();
    }
    stages
}

/// The division of a problem into spans with the least total time, and that time.
fn shortest(count: usize, run: &[LayerId], spans: &[Candidate], times: &[f64]) -> (Vec<Candidate>, f64) {
    // best[n] holds the stages of the first n layers with the least time, and that time.
    let mut best: Vec<(Vec<Candidate>, f64)> = vec![(Vec::new(), 0.0)];
    for end in 1..=count {
        let ending = spans.iter().zip(times).filter(|((layers, _), _)| layers.last() == Some(&run[end - 1]));
        let total = |((layers, _), time): &(&Candidate, &f64)| best[end - layers.len()].1 + **time;
        let (stage, _) = ending.min_by(|a, b| total(a).total_cmp(&total(b))).expect("each layer alone is a span");
        let time = spans.iter().position(|span| span == stage).map_or(0.0, |at| times[at]);
        let (before, sum) = &best[end - stage.0.len()];
        best.push((before.iter().chain([stage]).cloned().collect(), sum + time));
    }
    best.pop().expect("the list begins with the entry for no layers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_of_least_time_is_found() {
        let choice = |layers: usize| Choice::Rows { strip: 2, layers: vec![Default::default(); layers] };
        let ids = |layers: &[usize]| layers.iter().copied().map(LayerId).collect::<Vec<_>>();
        let span = |layers: &[usize]| (ids(layers), choice(layers.len()));
        let spans = [span(&[4]), span(&[5]), span(&[6]), span(&[4, 5]), span(&[5, 6]), span(&[4, 5, 6])];
        let cut = |times: [f64; 6]| {
            let (stages, time) = shortest(3, &ids(&[4, 5, 6]), &spans, &times);
            (stages.into_iter().map(|(layers, _)| layers.into_iter().map(usize::from).collect()).collect::<Vec<Vec<_>>>(), time)
        };
        assert_eq!(cut([1.0, 1.0, 1.0, 3.0, 3.0, 4.0]), (vec![vec![4], vec![5], vec![6]], 3.0));
        assert_eq!(cut([1.0, 1.0, 1.0, 1.5, 1.25, 2.0]), (vec![vec![4, 5, 6]], 2.0));
        assert_eq!(cut([1.0, 1.0, 1.0, 1.5, 1.25, 9.0]), (vec![vec![4], vec![5, 6]], 2.25));
    }
}
