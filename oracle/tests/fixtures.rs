//! State dicts and answers of PyTorch's own modules (torchvision, timm, the published classes). Each state dict loads under its own names,
//! except that of timm's `tf_efficientnet`, which has torchvision's. The engines and the compiled programs give the module's answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sartor::Tunings;
use sartor_kernels::report::checked;
use sartor_models::weights::LoadOptions;
use sartor_models::zoo::Spec;
use sartor_models::{Network, NodeId, Weights};
use sartor_oracle::engines::{levels, quick};
use sartor_oracle::program::Programs;
use sartor_oracle::{Whole, tensor, values, wrong};
use tch::Tensor;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Name and network of every fixture.
fn fixtures() -> Vec<(String, Network)> {
    let list = std::fs::read_to_string(file("networks.txt")).expect("networks.txt");
    let fixture = |line: &str| {
        let (name, network) = line.split_once(' ').expect("name and network");
        let spec: Spec = network.parse().expect("a network of the zoo");
        (name.to_string(), spec.with_classes(10).build().expect("a network of the zoo"))
    };
    list.lines().map(fixture).collect()
}

/// A fixture: a network with the weights of PyTorch's module, an input and what the module made of it.
struct Fixture {
    name: String,
    network: Network,
    weights: Weights,
    input: Vec<f32>,
    whole: Whole,
}

/// Images of every fixture's input.
const BATCH: usize = 2;

fn load((name, network): (String, Network)) -> Fixture {
    let options = LoadOptions { variant_known: true, ..LoadOptions::default() };
    let weights = Weights::load(file(&format!("{name}.safetensors")), &network, options).expect("a state dict");
    let io = Tensor::read_safetensors(file(&format!("{name}.io.safetensors"))).expect("input and output");
    let named = |wanted: &str| values(&io.iter().find(|(name, _)| name == wanted).expect("a tensor").1);
    let answer = tensor(&named("output"), BATCH, network.node(network.outputs()[0]).shape);
    let input = named("input");
    let whole = Whole::new(&network, &weights, &input, BATCH).with_answers(vec![answer]);
    Fixture { name, network, weights, input, whole }
}

/// Compares an engine's output with the module's answer.
fn judge(fixture: &Fixture, engine: &str, level: Option<&str>, maps: Result<BTreeMap<NodeId, Tensor>, String>) {
    let Fixture { name, network, whole, .. } = fixture;
    let maps = maps.unwrap_or_else(|why| panic!("{name}, {engine}: {why}"));
    let output = maps[&network.outputs()[0]].shallow_clone();
    let verdicts = whole.judge(&[output]);
    println!("{name}, {engine}: {:.2} of the tolerance", verdicts[0].ratio);
    assert!(wrong(&verdicts).is_empty(), "{name}, {engine}: {}", wrong(&verdicts).join("\n"));
    if let Some(level) = level {
        checked(level, 1, name);
    }
}

#[test]
fn engines_and_programs_give_the_answers_of_pytorchs_modules() {
    let fixtures: Vec<Fixture> = fixtures().into_iter().map(load).collect();
    assert_eq!(fixtures.len(), 10);
    for fixture in &fixtures {
        for engine in quick() {
            let maps = engine.values(&fixture.network, &fixture.weights, &fixture.input, BATCH);
            judge(fixture, &engine.name(), engine.level(), maps);
        }
    }
    let pairs: Vec<(&Network, &Weights)> = fixtures.iter().map(|fixture| (&fixture.network, &fixture.weights)).collect();
    for level in levels() {
        let programs = Programs::build(level, &pairs, &Tunings::none()).unwrap_or_else(|why| panic!("{why}"));
        for (index, fixture) in fixtures.iter().enumerate() {
            let maps = programs.values(index, &fixture.network, &fixture.input);
            judge(fixture, &format!("program for {level}"), Some(level.name()), maps);
        }
    }
}
