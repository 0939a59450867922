//! Weights survive a file, and files that do not fit are errors that name everything wrong with them.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use sartor_models::weights::{LoadError, LoadOptions, Problem};
use sartor_models::zoo::Spec;
use sartor_models::{Activation, Builder, Conv2d, Network, Node, NodeId, Op, Shape, Tensor, Weights};

/// A 1x1 convolution `a` with bias from 2 to 1 channels, batch norm `b`, linear layer `c` to 3.
fn tiny() -> Network {
    let mut net = Builder::new("tiny", Shape::new(2, 1, 1)).unwrap();
    let conv = Conv2d { oc: 1, kernel: (1, 1), stride: (1, 1), padding: (0, 0), groups: 1, bias: true };
    let a = net.add("a", Op::Conv2d(conv), &[net.input()]).unwrap();
    let b = net.add("b", Op::BatchNorm { eps: 1e-5 }, &[a]).unwrap();
    let c = net.add("c", Op::Linear { out: 3, bias: false }, &[b]).unwrap();
    net.finish(&[c]).unwrap()
}

/// A tensor as it stands in a file: name, type, shape, bytes.
type Raw<'a> = (&'a str, &'a str, &'a [usize], Vec<u8>);

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn tiny_tensors() -> Vec<Raw<'static>> {
    vec![
        ("a.weight", "F32", &[1, 2, 1, 1], f32s(&[1.0, 2.0])),
        ("a.bias", "F32", &[1], f32s(&[3.0])),
        ("b.weight", "F32", &[1], f32s(&[4.0])),
        ("b.bias", "F32", &[1], f32s(&[5.0])),
        ("b.running_mean", "F32", &[1], f32s(&[6.0])),
        ("b.running_var", "F32", &[1], f32s(&[7.0])),
        ("c.weight", "F32", &[3, 1], f32s(&[8.0, 9.0, 10.0])),
    ]
}

/// A safetensors file whose header is padded to the given alignment.
fn encode(tensors: &[Raw], alignment: usize) -> Vec<u8> {
    let mut data = Vec::new();
    let entries: Vec<String> = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| {
            let start = data.len();
            data.extend(bytes);
            format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{}]}}"#, data.len())
        })
        .collect();
    let mut header = format!("{{{}}}", entries.join(","));
    while header.len() % 8 != alignment % 8 {
        header.push(' ');
    }
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join("weights.safetensors");
        fs::write(&path, bytes).unwrap();
        path
    }

    fn load(&self, bytes: &[u8], options: LoadOptions) -> Result<Weights, LoadError> {
        Weights::load(self.file(bytes), &tiny(), options)
    }
}

fn load(tensors: &[Raw]) -> Result<Weights, LoadError> {
    Folder::new().load(&encode(tensors, 0), LoadOptions::default())
}

fn problems(tensors: &[Raw]) -> Vec<Problem> {
    match load(tensors) {
        Err(LoadError::Mismatch { problems, .. }) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_arrive_aligned_or_not() {
    let folder = Folder::new();
    for alignment in 0..8 {
        let weights = folder.load(&encode(&tiny_tensors(), alignment), LoadOptions::default()).unwrap();
        assert_eq!(weights.get("a.weight").unwrap().data(), [1.0, 2.0]);
        assert_eq!(weights.get("c.weight").unwrap().data(), [8.0, 9.0, 10.0]);
        assert_eq!(weights.iter().count(), 7);
    }
}

#[test]
fn every_network_survives_its_file() {
    let folder = Folder::new();
    for name in ["rexnet_digits", "mobilenet_v2_x0.35", "shufflenet_v1_seed_g4"] {
        let network = name.parse::<Spec>().unwrap().build().unwrap();
        let weights = Weights::random(&network, 5);
        let path = folder.0.path().join(name);
        weights.save(&path).unwrap();
        assert_eq!(Weights::load(&path, &network, LoadOptions::default()).unwrap(), weights, "{name}");
    }
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 3, "nothing but the files is left");
}

#[test]
fn linear_and_pointwise_weights_are_interchangeable_and_half_floats_convert() {
    let mut tensors = tiny_tensors();
    tensors[0] = ("a.weight", "F16", &[1, 2], vec![0x00, 0x3c, 0x00, 0xc0]);
    tensors[6] = ("c.weight", "BF16", &[3, 1, 1, 1], vec![0x80, 0x3f, 0x00, 0x40, 0x40, 0xc0]);
    tensors.push(("b.num_batches_tracked", "I64", &[], vec![0; 8]));
    let weights = load(&tensors).unwrap();
    assert_eq!(weights.get("a.weight"), Some(&Tensor::new(vec![1, 2, 1, 1], vec![1.0, -2.0])));
    assert_eq!(weights.get("c.weight"), Some(&Tensor::new(vec![3, 1], vec![1.0, 2.0, -3.0])));
}

#[test]
fn everything_wrong_is_named_at_once() {
    let mut tensors = tiny_tensors();
    tensors[0].0 = "a.wait";
    tensors[1] = ("a.bias", "F64", &[1], vec![0; 8]);
    tensors[2] = ("b.weight", "F32", &[2], f32s(&[1.0, 1.0]));
    tensors[5] = ("b.running_var", "F32", &[1], f32s(&[f32::INFINITY]));
    tensors[6] = ("c.weight", "F32", &[3, 1], f32s(&[f32::NAN, 1.0, f32::NEG_INFINITY]));
    let name = String::from;
    assert_eq!(
        problems(&tensors),
        [
            Problem::Missing { name: name("a.weight"), shape: vec![1, 2, 1, 1] },
            Problem::Type { name: name("a.bias"), found: name("F64") },
            Problem::Shape { name: name("b.weight"), found: vec![2], expected: vec![1] },
            Problem::NonFinite { name: name("b.running_var"), count: 1, of: 1 },
            Problem::NonFinite { name: name("c.weight"), count: 2, of: 3 },
            Problem::Extra { name: name("a.wait"), shape: vec![1, 2, 1, 1] },
        ]
    );
    let text = load(&tensors).unwrap_err().to_string();
    for name in ["tiny", "a.weight", "a.bias", "F64", "b.weight", "b.running_var", "c.weight", "a.wait"] {
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn what_the_options_allow_passes() {
    let folder = Folder::new();
    let mut tensors = tiny_tensors();
    tensors[1].3 = f32s(&[f32::NAN]);
    let options = LoadOptions { allow_non_finite: true, ..LoadOptions::default() };
    let weights = folder.load(&encode(&tensors, 0), options).unwrap();
    assert!(weights.get("a.bias").unwrap().data()[0].is_nan());

    let mut tensors = tiny_tensors();
    tensors.push(("d", "I64", &[1], vec![0; 8]));
    assert!(folder.load(&encode(&tensors, 0), LoadOptions::default()).is_err());
    folder.load(&encode(&tensors, 0), LoadOptions { allow_extra: true, ..LoadOptions::default() }).unwrap();
}

#[test]
fn ill_shaped_is_not_mended_by_guessing() {
    for shape in [&[2, 1, 1, 1][..], &[2, 1], &[1, 2, 1], &[2], &[1, 1, 1, 2], &[1, 2, 1, 1, 1]] {
        let mut tensors = tiny_tensors();
        tensors[0].2 = shape;
        assert!(matches!(problems(&tensors)[..], [Problem::Shape { .. }]), "{shape:?}");
    }
}

#[test]
fn damaged_files_are_errors() {
    let folder = Folder::new();
    let header = |text: &str, data: usize| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &vec![0; data]].concat();
    let entry = |shape: &str, start: &str, end: &str| {
        format!(r#"{{"a.bias":{{"dtype":"F32","shape":[{shape}],"data_offsets":[{start},{end}]}}}}"#)
    };
    let max = u64::MAX.to_string();
    for bytes in [
        vec![],
        vec![0; 7],
        vec![0; 8],
        vec![0xff; 64],
        u64::MAX.to_le_bytes().to_vec(),
        [&100u64.to_le_bytes()[..], b"{}"].concat(),
        header("not json", 4),
        header("{\"a\":\"\u{1}\"}", 4),
        header(&entry("1", "0", "8"), 4),
        header(&entry("2", "0", "4"), 4),
        header(&entry("1", "4", "8"), 8),
        header(&entry("1", "4", "0"), 4),
        header(&entry("1", "0", &max), 4),
        header(&entry("1", &max, &max), 4),
        header(&entry(&format!("{max},{max}"), "0", "4"), 4),
        header(&entry("-1", "0", "4"), 4),
        header(&entry("1", "0", "4"), 5),
        header(&entry("1", "0", "4").replace("F32", "F31"), 4),
        header(&"[".repeat(100_000), 4),
    ] {
        let error = folder.load(&bytes, LoadOptions::default()).unwrap_err();
        assert!(matches!(error, LoadError::Format { .. }), "{error}");
        assert!(error.to_string().contains("weights.safetensors"), "{error}");
    }
    let error = Weights::load(folder.0.path().join("none"), &tiny(), LoadOptions::default()).unwrap_err();
    assert!(matches!(error, LoadError::Io { .. }), "{error}");
    let error = Weights::load(folder.0.path(), &tiny(), LoadOptions::default()).unwrap_err();
    assert!(matches!(error, LoadError::Io { .. }), "a folder: {error}");
}

proptest! {
    #[test]
    fn truncated_files_are_errors(keep in 0.0..1.0f64) {
        let bytes = encode(&tiny_tensors(), 0);
        let kept = &bytes[..(bytes.len() as f64 * keep) as usize];
        let result = Folder::new().load(kept, LoadOptions::default());
        prop_assert!(matches!(result, Err(LoadError::Format { .. })), "{:?}", result);
    }

    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = encode(&tiny_tensors(), 0);
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let _ = Folder::new().load(&bytes, LoadOptions::default());
    }
}

#[test]
fn a_file_that_cannot_be_written_leaves_nothing() {
    let folder = Folder::new();
    let weights = Weights::random(&tiny(), 0);
    let missing = folder.0.path().join("missing").join("file");
    assert!(weights.save(&missing).unwrap_err().to_string().contains("missing"));
    let occupied = folder.0.path().join("folder");
    fs::create_dir(&occupied).unwrap();
    assert!(weights.save(&occupied).is_err());
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 1);
}

#[test]
fn random_weights_are_the_same_everywhere() {
    let weights = Weights::random(&tiny(), 7);
    let bits: Vec<u32> = weights.iter().flat_map(|(_, tensor)| tensor.data()).map(|v| v.to_bits()).collect();
    let expected =
        [1027585610, 1066139362, 3187842070, 3175758268, 3183969231, 1065602464, 1066176433, 1069127194, 3205804999, 1039052408];
    assert_eq!(bits, expected);
    assert_ne!(weights, Weights::random(&tiny(), 8));
}

#[test]
fn random_weights_do_not_depend_on_the_head() {
    let spec: Spec = "rexnet_x0.5".parse().unwrap();
    let whole = Weights::random(&spec.build().unwrap(), 3);
    let headless = Weights::random(&spec.with_head(false).build().unwrap(), 3);
    assert!(headless.iter().count() > 100 && headless.iter().all(|(name, tensor)| whole.get(name) == Some(tensor)));
}

#[test]
fn random_statistics_are_sane() {
    let network = "efficientnet_b0".parse::<Spec>().unwrap().build().unwrap();
    let weights = Weights::random(&network, 1);
    assert_eq!(weights.iter().count(), network.params().len());
    let silu = |node: &Node| node.op == Op::Activation(Activation::Silu);
    let before_silu: Vec<NodeId> = network.nodes().iter().filter(|node| silu(node)).map(|node| node.inputs[0]).collect();
    assert!(before_silu.len() > 30);
    for (index, node) in network.nodes().iter().enumerate() {
        let norm = matches!(node.op, Op::BatchNorm { .. });
        let scale = if before_silu.contains(&NodeId(index)) { (2.0f32 / 3.0).sqrt() } else { 1.0 };
        for param in network.params_of(NodeId(index)) {
            let (low, high) = match param.name.rsplit('.').next().unwrap() {
                "running_var" => (0.8, 1.2),
                "weight" if norm => (scale - 0.101, scale + 0.101),
                "weight" => continue,
                "bias" if norm && scale < 1.0 => (-1.0, 1.0),
                _ => (-0.1, 0.1),
            };
            let data = weights.get(&param.name).unwrap().data();
            assert!(data.iter().all(|v| (low..=high).contains(v)), "{}", param.name);
        }
    }
}

#[test]
fn the_trained_digits_fit_their_network() {
    let network = "rexnet_digits".parse::<Spec>().unwrap().build().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/digits/rexnet_digits.safetensors");
    let weights = Weights::load(path, &network, LoadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(weights.iter().count(), network.params().len());
}

#[test]
fn weights_do_not_depend_on_what_becomes_of_their_file() {
    let folder = Folder::new();
    let weights = folder.load(&encode(&tiny_tensors(), 0), LoadOptions::default()).unwrap();
    let before: Vec<_> = weights.iter().map(|(name, tensor)| (name.to_string(), tensor.data().to_vec())).collect();
    // In place: under a memory map, values would change, and then end the process.
    fs::OpenOptions::new().write(true).open(folder.0.path().join("weights.safetensors")).unwrap().set_len(0).unwrap();
    let after: Vec<_> = weights.iter().map(|(name, tensor)| (name.to_string(), tensor.data().to_vec())).collect();
    assert_eq!(before, after);
}

#[test]
fn a_file_truncated_anywhere_is_an_error_that_names_it() {
    let folder = Folder::new();
    let whole = encode(&tiny_tensors(), 0);
    for len in 0..whole.len() {
        let error = folder.load(&whole[..len], LoadOptions::default()).unwrap_err();
        assert!(matches!(error, LoadError::Format { bytes, .. } if bytes == len), "{len}: {error}");
        assert!(error.to_string().contains("weights.safetensors"), "{error}");
    }
}
