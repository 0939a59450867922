//! Models of torchvision and timm: their graphs, as PyTorch's older exporter writes them, with weights that are made here, in a file
//! beside the model. The answers are ONNX Runtime's. scripts/models/graphs.py wrote them.

use std::path::Path;

use sartor::data::npy;
use sartor::judge::engines::{GenericEngine, ReferenceEngine};
use sartor::kernels::report;
use sartor::models::import::{self, ImportOptions, Imported};
use sartor::{Level, Model};

use crate::common::{Folder, own_cache};
use crate::question::compare;

/// Two engines in f32 differ by this much of the largest value after some hundred layers.
const TOLERANCE: f64 = 1e-4;
const INPUT: u32 = 1_000_003;

/// Numbers from -1 to 1: a hash of the index and the seed.
fn noise(seed: u32, count: usize) -> impl Iterator<Item = f32> {
    (0..count as u32).map(move |i| {
        let mut x = i.wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(974_634_773));
        for _ in 0..2 {
            x = (x ^ (x >> 16)).wrapping_mul(73_244_475);
        }
        x ^= x >> 16;
        (x >> 8) as f32 / (1 << 23) as f32 - 1.0
    })
}

/// The weights that a list describes, as they lie in a file.
fn weights(list: &str) -> Vec<u8> {
    let each = |line: &str| -> Vec<u8> {
        let mut words = line.split_whitespace();
        let mut next = || words.next().expect("four words");
        let (seed, count): (u32, usize) = (next().parse().unwrap(), next().parse().unwrap());
        let (shift, scale): (f32, f32) = (next().parse().unwrap(), next().parse().unwrap());
        noise(seed, count).flat_map(|x| (shift + x * scale).to_le_bytes()).collect()
    };
    list.lines().flat_map(each).collect()
}

fn read(folder: &Path, name: &str) -> Imported {
    let home = Folder::new();
    let model = home.path(&format!("{name}.onnx"));
    std::fs::copy(folder.join(format!("{name}.onnx")), &model).unwrap();
    let list = std::fs::read_to_string(folder.join(format!("{name}.weights"))).unwrap();
    std::fs::write(home.path("weights"), weights(&list)).unwrap();
    import::onnx(model.as_ref(), &ImportOptions::default()).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn models_agree_with_onnx_runtime() {
    own_cache();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx/models");
    let names = ["ghostnet_100", "lcnet_050", "mixnet_s", "mobilenetv3_small_075", "shufflenet_v2_x0_5", "tinynet_e"];
    let best = Level::best().unwrap();
    for name in names {
        let Imported { network, weights, .. } = read(&folder, name);
        let (_, expected) = npy::read(&folder.join(format!("{name}.npy"))).unwrap();
        let input: Vec<f32> = noise(INPUT, network.input_shape().len()).collect();
        let judge = |engine: &str, found: &[f32]| {
            compare(found, &expected, TOLERANCE).unwrap_or_else(|e| panic!("{name}, {engine}: {e}"));
        };
        let exact = ReferenceEngine::new(&network, &weights).and_then(|engine| engine.run(&input, 1)).unwrap();
        judge("reference", &exact[0]);
        for level in Level::ALL.into_iter().filter(|&level| report::can_run(level, name)) {
            let found = GenericEngine::new(&network, &weights, level).and_then(|mut engine| engine.run(&input, 1)).unwrap();
            judge(&format!("generic {level}"), &found[0]);
            report::checked(level.name(), 1, "models from ONNX files");
        }
        let model = Model::open(&network, &weights, best).unwrap();
        let mut found = vec![0.0; expected.len()];
        model.session(1).unwrap().run(&input, &mut found).unwrap();
        judge(&format!("compiled for {best}"), &found);
        report::checked(best.name(), 1, "compiled models from ONNX files");
    }
}
