//! State dicts and answers of PyTorch's own modules (torchvision, timm, the published classes): each is loaded under its own names, and
//! the engines give the module's answers.

use std::path::{Path, PathBuf};

use sartor_kernels::report::checked;
use sartor_models::weights::LoadOptions;
use sartor_models::zoo::Spec;
use sartor_models::{Network, Weights};
use sartor_oracle::engine::quick;
use sartor_oracle::{Torch, tensor, values, wrong};

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

#[test]
fn engines_give_the_answers_of_pytorchs_modules() {
    let fixtures = fixtures();
    assert_eq!(fixtures.len(), 7);
    for (name, network) in fixtures {
        let weights =
            Weights::load(file(&format!("{name}.safetensors")), &network, LoadOptions::default()).expect("a state dict");
        let io = tch::Tensor::read_safetensors(file(&format!("{name}.io.safetensors"))).expect("input and output");
        let named = |wanted: &str| io.iter().find(|(name, _)| name == wanted).expect("a tensor").1.shallow_clone();
        let (x, batch) = (values(&named("input")), 2);
        let input = tensor(&x, batch, network.input_shape());
        let answer = tensor(&values(&named("output")), batch, network.node(network.outputs()[0]).shape);
        let torch = Torch::new(&network, &weights);
        for engine in quick() {
            let maps =
                engine.values(&network, &weights, &x, batch).unwrap_or_else(|why| panic!("{name}, {}: {why}", engine.name()));
            let output = maps[&network.outputs()[0]].shallow_clone();
            let verdicts = torch.judge_by(&[answer.shallow_clone()], &input, &[output]);
            println!("{name}, {}: {:.2} of the tolerance", engine.name(), verdicts[0].ratio);
            assert!(wrong(&verdicts).is_empty(), "{name}, {}: {}", engine.name(), wrong(&verdicts).join("\n"));
            if let Some(level) = engine.level() {
                checked(level, 1, &name);
            }
        }
    }
}
