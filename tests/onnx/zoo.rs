//! Networks of the zoo, exported and read back, plan to the same kernels.

use sartor::codegen::{compile, network::normalize::normalize, network::pack::pack, plan::Plan, schedule::Options};
use sartor::models::export;
use sartor::models::import::{ImportOptions, onnx_bytes};
use sartor::models::zoo::{self, Spec};
use sartor::{Level, Network, Weights};

fn plan(network: &Network, weights: &Weights) -> Plan {
    let layers = normalize(network, weights).unwrap();
    compile::plan(&layers, &pack(&layers), &Options::new(Level::Avx512)).unwrap()
}

#[test]
fn the_zoo_comes_back() {
    for name in zoo::defaults() {
        let network = name.parse::<Spec>().unwrap().with_resolution(64, 64).build().unwrap();
        let weights = Weights::random(&network, 1);
        let bytes = export::onnx(&network, &weights, 1).unwrap();
        let read = onnx_bytes("model.onnx".as_ref(), &bytes, &ImportOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (ours, theirs) = (plan(&network, &weights), plan(&read.network, &read.weights));
        let names = |plan: &Plan| plan.kernels.iter().map(|kernel| kernel.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&ours), names(&theirs), "{name}");
        assert_eq!(ours.stages.len(), theirs.stages.len(), "{name}");
        assert_eq!(ours.lengths.arena, theirs.lengths.arena, "{name}");
    }
}
