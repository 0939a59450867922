//! Judges every network of the zoo, each layer and the whole: at its default width and resolution, and at another width with a batch of 2
//! and a rectangular input that no stride divides. Slow engines compute the second case at a lower resolution.

use sartor_kernels::report::checked;
use sartor_models::zoo::{self, Spec};
use sartor_oracle::engine::Engine;
use sartor_oracle::engines::{programs, quick, uncompiled};
use sartor_oracle::random::{input, weights};
use sartor_oracle::{Torch, Whole, tensor, wrong};
use tch::Kind;

/// Judges every engine. Returns a description of each fault.
fn judge(spec: &Spec, batch: usize, engines: &[Box<dyn Engine>]) -> Vec<String> {
    let mut faults = Vec::new();
    let network = spec.build().expect("a network of the zoo");
    let weights = weights(&network, 7);
    let torch = Torch::new(&network, &weights);
    let x = input(network.input_shape(), batch, 8);
    assert_alive(&torch, &tensor(&x, batch, network.input_shape()));
    let whole = Whole::new(&network, &weights, &x, batch);
    for engine in engines {
        let values = match engine.values(&network, &weights, &x, batch) {
            Ok(values) => values,
            Err(why) => {
                faults.push(format!("{spec}, batch {batch}, {}: {why}", engine.name()));
                continue;
            }
        };
        let layers = torch.judge_layers(&values);
        let outputs: Vec<_> = network.outputs().iter().map(|id| values[id].shallow_clone()).collect();
        let whole = whole.judge(&outputs);
        let worst = |verdicts: &[sartor_oracle::Verdict]| verdicts.iter().map(|v| v.ratio).fold(0f64, f64::max);
        let (by_layer, as_a_whole) = (worst(&layers), worst(&whole));
        println!(
            "{spec}, batch {batch}, {}: {} maps to {by_layer:.2}, outputs to {as_a_whole:.2} of the tolerance",
            engine.name(),
            layers.len()
        );
        let checks = layers.len() + whole.len();
        let wrong: Vec<String> = [layers, whole].iter().flat_map(|verdicts| wrong(verdicts)).collect();
        if !wrong.is_empty() {
            faults.push(format!("{spec}, batch {batch}, {}:\n{}", engine.name(), wrong.join("\n")));
        } else if let Some(level) = engine.level() {
            checked(level, checks, &spec.to_string());
        }
    }
    faults
}

/// Checks that the outputs depend on the input. Otherwise, because the values died on the way, every engine would be right.
fn assert_alive(torch: &Torch, x: &tch::Tensor) {
    let (one, other) = (torch.run(x, Kind::Float), torch.run(&-x, Kind::Float));
    for id in torch.network.outputs() {
        let difference = (&one[id.0] - &other[id.0]).abs().mean(Kind::Float).double_value(&[]);
        let size = one[id.0].abs().mean(Kind::Float).double_value(&[]);
        assert!(difference > 0.01 * size, "{}: outputs of {size} change by {difference}", torch.network.name);
    }
}

/// A width other than the family's default. It is above x1.0 where the family's definition has another rule there.
fn other_width(family: &str) -> f64 {
    match family {
        "mobilenet_v2" => 1.4,
        "rexnet" | "rexnet_lite" => 1.3,
        _ => 0.5,
    }
}

fn family(name: &str) {
    let entry = zoo::entries().iter().find(|entry| entry.family == name).expect("a family of the zoo");
    judge_all(entry.defaults());
}

fn judge_all(specs: Vec<Spec>) {
    let all: Vec<_> = uncompiled().into_iter().chain(programs()).collect();
    let mut faults = Vec::new();
    for spec in specs {
        faults.extend(judge(&spec, 1, &all));
        let spec = spec.clone().with_width(other_width(spec.entry().family));
        faults.extend(judge(&spec.clone().with_resolution(101, 75), 2, &all));
        faults.extend(judge(&spec.with_resolution(45, 33), 2, &quick()));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The padding of these networks depends on the resolution.
#[test]
fn efficientnet_b0_of_tensorflow() {
    judge_all(vec!["efficientnet_b0_tf".parse().expect("a network of the zoo")]);
}

macro_rules! families {
    ($($name:ident)*) => {
        $(#[test] fn $name() { family(stringify!($name)); })*

        #[test]
        fn no_family_is_left_out() {
            let tested = [$(stringify!($name)),*];
            let missing: Vec<_> = zoo::entries().iter().map(|entry| entry.family).filter(|family| !tested.contains(family)).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    };
}

families! {
    mobilenet_v1 mobilenet_v2 rexnet rexnet_lite rexnet_plain rexnet_compact shufflenet_v1 shufflenet_v1_seed
    efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 rexnet_digits
}
