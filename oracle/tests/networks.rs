//! Judges every network of the zoo, each layer and the whole: at its default width and resolution, and at another width with a batch of 2
//! and a rectangular input that no stride divides. Slow engines compute the second case at a lower resolution.
//!
//! Networks that share kernels are compiled together, with the tunings that users get. `tests/levels.rs` and `tests/verify.rs` of the
//! project compile networks one by one.

use std::collections::BTreeMap;

use sartor::Tunings;
use sartor_kernels::report::checked;
use sartor_models::zoo::{self, Spec};
use sartor_models::{Network, NodeId, Weights};
use sartor_oracle::engine::Engine;
use sartor_oracle::engines::{levels, quick, uncompiled};
use sartor_oracle::program::Programs;
use sartor_oracle::random::{input, weights};
use sartor_oracle::{Torch, Whole, tensor, wrong};
use tch::{Kind, Tensor};

/// A network, some images, and the right outputs for them.
struct Case {
    spec: Spec,
    batch: usize,
    network: Network,
    weights: Weights,
    input: Vec<f32>,
    whole: Whole,
}

impl Case {
    fn new(spec: Spec, batch: usize) -> Self {
        let network = spec.build().expect("a network of the zoo");
        let weights = weights(&network, 7);
        let input = input(network.input_shape(), batch, 8);
        assert_alive(&Torch::new(&network, &weights), &tensor(&input, batch, network.input_shape()));
        let whole = Whole::new(&network, &weights, &input, batch);
        Self { spec, batch, network, weights, input, whole }
    }

    /// Judges engines. Adds a description of each fault.
    fn judge_all(&self, engines: &[Box<dyn Engine>], faults: &mut Vec<String>) {
        for engine in engines {
            let values = engine.values(&self.network, &self.weights, &self.input, self.batch);
            self.judge(&engine.name(), engine.level(), values, faults);
        }
    }

    /// Judges the values of an engine. Adds a description of its fault, if there is one.
    fn judge(
        &self,
        engine: &str,
        level: Option<&str>,
        values: Result<BTreeMap<NodeId, Tensor>, String>,
        faults: &mut Vec<String>,
    ) {
        let Self { spec, batch, network, weights, .. } = self;
        let values = match values {
            Ok(values) => values,
            Err(why) => return faults.push(format!("{spec}, batch {batch}, {engine}: {why}")),
        };
        let layers = Torch::new(network, weights).judge_layers(&values);
        let outputs: Vec<_> = network.outputs().iter().map(|id| values[id].shallow_clone()).collect();
        let whole = self.whole.judge(&outputs);
        let worst = |verdicts: &[sartor_oracle::Verdict]| verdicts.iter().map(|v| v.ratio).fold(0f64, f64::max);
        let (by_layer, as_a_whole) = (worst(&layers), worst(&whole));
        println!(
            "{spec}, batch {batch}, {engine}: {} maps to {by_layer:.2}, outputs to {as_a_whole:.2} of the tolerance",
            layers.len()
        );
        let checks = layers.len() + whole.len();
        let wrong: Vec<String> = [layers, whole].iter().flat_map(|verdicts| wrong(verdicts)).collect();
        if !wrong.is_empty() {
            faults.push(format!("{spec}, batch {batch}, {engine}:\n{}", wrong.join("\n")));
        } else if let Some(level) = level {
            checked(level, checks, &spec.to_string());
        }
    }
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

/// Judges networks and, of each, one of another width.
fn judge_all(specs: &[Spec]) {
    let mut faults = Vec::new();
    let (mut usual, mut other) = (Vec::new(), Vec::new());
    for spec in specs {
        let wide = spec.clone().with_width(other_width(spec.entry().family));
        Case::new(wide.clone().with_resolution(45, 33), 2).judge_all(&quick(), &mut faults);
        usual.push(Case::new(spec.clone(), 1));
        other.push(Case::new(wide.with_resolution(101, 75), 2));
    }
    for cases in [usual, other] {
        cases.iter().for_each(|case| case.judge_all(&uncompiled(), &mut faults));
        let networks: Vec<_> = cases.iter().map(|case| (&case.network, &case.weights)).collect();
        for level in levels() {
            let programs = match Programs::build(level, &networks, &Tunings::shipped()) {
                Ok(programs) => programs,
                Err(why) => {
                    faults.push(format!("{} and others for {level}: {why}", cases[0].spec));
                    continue;
                }
            };
            for (index, case) in cases.iter().enumerate() {
                let values = programs.values(index, &case.network, &case.input);
                case.judge(&format!("program for {level}"), Some(level.name()), values, &mut faults);
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

macro_rules! families {
    ($($name:ident: $($family:literal)*;)*) => {
        $(#[test] fn $name() { judge_all(&[$($family),*].map(defaults).concat()); })*

        #[test]
        fn no_family_is_left_out() {
            let tested = [$($($family),*),*];
            let missing: Vec<_> = zoo::entries().iter().map(|entry| entry.family).filter(|family| !tested.contains(family)).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    };
}

/// The networks of a family, or the one of this name.
fn defaults(name: &str) -> Vec<Spec> {
    match zoo::entries().iter().find(|entry| entry.family == name) {
        Some(entry) => entry.defaults(),
        None => vec![name.parse().expect("a family or a network of the zoo")],
    }
}

// The padding of EfficientNet as TensorFlow has it depends on the resolution.
families! {
    mobilenet: "mobilenet_v1" "mobilenet_v2";
    rexnet: "rexnet" "rexnet_lite" "rexnet_plain" "rexnet_compact" "rexnet_digits";
    shufflenet: "shufflenet_v1" "shufflenet_v1_seed";
    efficientnet_b0: "efficientnet_b0" "efficientnet_b0_tf";
    efficientnet_b1_to_b3: "efficientnet_b1" "efficientnet_b2" "efficientnet_b3";
}
