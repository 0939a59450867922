//! Weights survive a file, and files that do not fit are errors that name everything wrong with them.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sartor_models::weights::{FileKind, LoadError, LoadOptions, Loaded, Problem};
use sartor_models::zoo::Spec;
use sartor_models::{Activation, Builder, Conv2d, Network, Node, NodeId, Op, Shape, Tensor, Weights, Window};

/// A 1x1 convolution `a` with bias from 2 to 1 channels, batch norm `b`, linear layer `c` to 3.
fn tiny() -> Network {
    let mut net = Builder::new("tiny", Shape::new(2, 1, 1)).unwrap();
    let conv = Conv2d { oc: 1, groups: 1, bias: true, window: Window::POINT };
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
        vec![0; 7],
        vec![0; 8],
        vec![0xff; 64],
        vec![0xff; 5000],
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
}

/// A file of `c` classes for the tiny network, and of what is added to it.
fn with_classes(classes: usize, more: Vec<Raw<'static>>) -> Vec<Raw<'static>> {
    let mut tensors = tiny_tensors();
    tensors.retain(|tensor| tensor.0 != "c.weight");
    let shape: &'static [usize] = vec![classes, 1].leak();
    tensors.push(("c.weight", "F32", shape, f32s(&vec![0.5; classes])));
    tensors.extend(more);
    tensors
}

#[test]
fn a_wrong_number_of_classes_is_told_with_what_to_pass() {
    let error = load(&with_classes(5, vec![])).unwrap_err().to_string();
    assert!(error.contains("--classes 5") && error.contains("'c.weight' has shape [5, 1]"), "{error}");
    // Where more is wrong than that, another number of classes does not help.
    for tensors in [with_classes(5, vec![("d", "F32", &[1], f32s(&[0.0]))]), with_classes(0, vec![])] {
        let error = load(&tensors).unwrap_err().to_string();
        assert!(!error.contains("--classes"), "{error}");
    }
    let mut other = with_classes(5, vec![]);
    other[0] = ("a.weight", "F32", &[1, 3, 1, 1], f32s(&[0.0; 3]));
    assert!(!load(&other).unwrap_err().to_string().contains("--classes"));

    // A classifier that is a convolution, and its bias.
    let network = "rexnet_digits".parse::<Spec>().unwrap().build().unwrap();
    let other = "rexnet_digits".parse::<Spec>().unwrap().with_classes(7).build().unwrap();
    let folder = Folder::new();
    let path = folder.0.path().join("seven.safetensors");
    Weights::random(&other, 0).save(&path).unwrap();
    let error = Weights::load(&path, &network, LoadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("--classes 7"), "{error}");
}

#[test]
fn a_name_that_is_there_twice_is_an_error_that_names_it() {
    let once = |value: &str| format!(r#""{value}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#);
    for second in ["a.bias", r"a\u002ebias"] {
        let header = format!("{{{},{}}}", once("a.bias"), once(second));
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat();
        let error = Folder::new().load(&bytes, LoadOptions { allow_extra: true, ..LoadOptions::default() }).unwrap_err();
        assert!(matches!(&error, LoadError::Duplicate { name, .. } if name == "a.bias"), "{error}");
        assert!(error.to_string().contains("has 'a.bias' twice"), "{error}");
    }
}

#[test]
fn long_lists_end_with_how_many_more_of_which_kind() {
    let names: Vec<&'static str> = (0..100_000).map(|i| &*format!("extra{i:06}").leak()).collect();
    let extra = |name: &&'static str| (*name, "F32", &[1][..], f32s(&[0.0]));
    let mut tensors = tiny_tensors();
    tensors.drain(..2);
    tensors.extend(names.iter().map(extra));
    let error = load(&tensors).unwrap_err().to_string();
    assert!(error.ends_with("extra000007' of shape [1]\n  and 99992 more: 99992 extra"), "{error:.2000}");
    assert_eq!(error.lines().count(), 12);

    let whole = "mobilenet_v1_x0.25".parse::<Spec>().unwrap().build().unwrap();
    let error = Weights::load(Folder::new().file(&encode(&tensors, 0)), &whole, LoadOptions::default()).unwrap_err().to_string();
    assert!(error.lines().count() == 12 && error.contains(" missing, 100005 extra"), "{error:.2000}");
}

#[test]
fn names_and_shapes_of_a_file_cannot_leave_their_line() {
    let hostile = "\\u001b[2J\\n  missing tensor 'x'\\u202e";
    let long: &'static str = "n".repeat(1 << 20).leak();
    let shape: &'static [usize] = vec![1; 1 << 16].leak();
    let mut tensors = tiny_tensors();
    tensors.extend([(hostile, "F32", &[1][..], f32s(&[0.0])), (long, "F32", shape, f32s(&[0.0]))]);
    let error = load(&tensors).unwrap_err().to_string();
    assert!(error.contains(r"extra tensor '\u{1b}[2J\n  missing tensor 'x'\u{202e}'"), "{error:.3000}");
    assert!(error.contains("n.. (1048576 bytes)' of shape [1, .. 65536 dimensions]"), "{error:.3000}");
    assert!(error.lines().count() == 3 && error.len() < 2000, "{error:.3000}");
}

proptest! {
    #[test]
    fn truncated_files_are_errors(keep in 0.0..1.0f64) {
        let bytes = encode(&tiny_tensors(), 0);
        let kept = &bytes[..(bytes.len() as f64 * keep) as usize];
        let result = Folder::new().load(kept, LoadOptions::default());
        let empty = matches!(result, Err(LoadError::Kind { kind: FileKind::Empty, .. }));
        prop_assert!(matches!(result, Err(LoadError::Format { .. })) || (empty && kept.is_empty()), "{:?}", result);
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
    for len in 1..whole.len() {
        let error = folder.load(&whole[..len], LoadOptions::default()).unwrap_err();
        assert!(matches!(error, LoadError::Format { bytes, .. } if bytes == len), "{len}: {error}");
        assert!(error.to_string().contains("weights.safetensors"), "{error}");
    }
}

#[test]
fn files_of_other_kinds_are_named_for_what_they_are() {
    let torch = b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0e\0\x14\0model/data.pklFB\x10\0";
    let script = b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0d\0\x15\0script/data/0FB\x11\0";
    let tar = [&b"weights.bin"[..], &[0; 246], b"ustar\x0000", &[0; 300]].concat();
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:0000000000000000000000000000000000000000000000000000000000000001\n\
        size 21355344\n";
    let files: [(FileKind, &[u8], &[&str]); 24] = [
        (FileKind::Empty, b"", &["an empty file"]),
        (FileKind::LfsPointer, lfs.as_bytes(), &["Git LFS pointer", "git lfs pull"]),
        (FileKind::Html, b"\n<!DOCTYPE html><html>", &["an HTML page"]),
        (FileKind::Html, b"\xef\xbb\xbf<html>", &["an HTML page"]),
        (FileKind::Torch, torch, &["PyTorch", "import torch", "torch.load(\"weights.safetensors\"", "weights_only=True"]),
        (FileKind::Torch, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", &["PyTorch", "import torch"]),
        (FileKind::TorchScript, script, &["TorchScript", "torch.jit.load"]),
        (FileKind::Pickle, b"\x80\x04\x95\x0a\0\0\0\0\0\0\0}\x94.", &["pickle"]),
        (FileKind::Pickle, b"\x80\x02}q\0X\x01\0\0\0aq\x01K\x01s.", &["pickle"]),
        (
            FileKind::Npz,
            b"PK\x03\x04-\0\0\0\0\0\0\0!\0.\xe3\xf9\xbc\xff\xff\xff\xff\xff\xff\xff\xff\x05\0\x14\0w.npy\x01\0",
            &[".npz"],
        ),
        (FileKind::Npy, b"\x93NUMPY\x01\0v\0{'descr': '<f4'", &[".npy"]),
        (FileKind::Hdf5, b"\x89HDF\r\n\x1a\n\0\0", &["HDF5"]),
        (FileKind::Onnx, b"\x08\x08\x12\x07pytorch\x1a\x052.6.0", &["ONNX"]),
        (FileKind::Onnx, b"\x08\x07:\xd0\x0f\x0a\x05conv1", &["ONNX"]),
        (FileKind::TfLite, b"\x1c\0\0\0TFL3\x14\0\x20\0", &["TensorFlow Lite"]),
        (FileKind::Zip, b"PK\x03\x04\x14\0\0\0\0\0\0\0!\0weights/a.safetensors", &["zip", "unpack"]),
        (FileKind::Archive, b"\x1f\x8b\x08\0\0\0\0\0\0\x03", &["compressed", "unpack"]),
        (FileKind::Archive, b"(\xb5/\xfd\0\0\0\0", &["compressed"]),
        (FileKind::Archive, &tar, &["archive"]),
        (FileKind::Json, b"{\"metadata\": {}, \"weight_map\": {}}", &["JSON"]),
        (FileKind::Json, b"[1, 2, 3]", &["JSON"]),
        (FileKind::Text, b"Entry not found", &["a text file"]),
        (FileKind::Text, b"404: Not Found\n", &["a text file"]),
        (FileKind::Text, "höchstens".as_bytes(), &["a text file"]),
    ];
    let folder = Folder::new();
    for (expected, bytes, parts) in files {
        for padding in [0, 4000] {
            let padding = if bytes.is_empty() || matches!(expected, FileKind::Text | FileKind::Json | FileKind::Html) {
                0
            } else {
                padding
            };
            let bytes = [bytes, &vec![b' '; padding]].concat();
            let error = folder.load(&bytes, LoadOptions::default()).unwrap_err();
            assert!(matches!(&error, LoadError::Kind { kind, .. } if *kind == expected), "{expected:?}: {error}");
            for part in parts.iter().chain(&["weights.safetensors", "not a safetensors file"]) {
                assert!(error.to_string().contains(part), "{error}");
            }
        }
    }
    let error = Weights::load(folder.0.path(), &tiny(), LoadOptions::default()).unwrap_err();
    assert!(matches!(error, LoadError::Kind { kind: FileKind::Folder, .. }), "{error}");
}

#[test]
fn the_lines_of_python_hold_no_foreign_text() {
    let folder = Folder::new();
    let path = folder.0.path().join("a\"; import os; \n.pth");
    fs::write(&path, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.").unwrap();
    let error = Weights::load(&path, &tiny(), LoadOptions::default()).unwrap_err();
    let LoadError::Kind { kind, path } = error else { panic!("{error}") };
    assert!(kind.help(&path).contains("torch.load(\"weights.pth\""), "{}", kind.help(&path));
    assert!(kind.help(Path::new("x/mobilenet_v2.pth")).contains("\"mobilenet_v2.safetensors\")"));
}

/// A safetensors file's length may look like the beginning of another format.
#[test]
fn safetensors_files_are_not_taken_for_another_kind() {
    let folder = Folder::new();
    // An ONNX file begins 08 07 12, a pickle 80 02, a compressed file 1f 8b: a header of that length, cut off.
    for len in [0x12_07_08u64, 0x02_80, 0x8b_1f] {
        let bytes = [&len.to_le_bytes()[..], b"{\"a\":1"].concat();
        let error = folder.load(&bytes, LoadOptions::default()).unwrap_err();
        assert!(matches!(error, LoadError::Format { .. }), "{error}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn endless_files_are_not_read_to_the_end() {
    for path in ["/dev/zero", "/dev/urandom"] {
        let error = Weights::load(path, &tiny(), LoadOptions::default()).unwrap_err();
        assert!(matches!(error, LoadError::Format { .. } | LoadError::Kind { .. }), "{error}");
    }
}

fn prefixed(prefix: &str) -> Vec<(String, Raw<'static>)> {
    tiny_tensors().into_iter().map(|raw| (format!("{prefix}{}", raw.0), raw)).collect()
}

fn encode_named(tensors: &[(String, Raw)]) -> Vec<u8> {
    let raw: Vec<Raw> = tensors.iter().map(|(name, raw)| (name.as_str(), raw.1, raw.2, raw.3.clone())).collect();
    encode(&raw, 0)
}

#[test]
fn prefixes_of_training_are_found_told_and_stripped() {
    for prefix in ["", "module.", "model.", "_orig_mod.", "state_dict.", "state_dict.module._orig_mod.", "model.model.module."] {
        let mut tensors = prefixed(prefix);
        tensors.push((format!("{prefix}b.num_batches_tracked"), ("", "I64", &[], vec![0; 8])));
        let bytes = encode_named(&tensors);
        let loaded = Loaded::parse(&bytes, Path::new("x"), &tiny(), LoadOptions::default()).unwrap();
        assert_eq!((&*loaded.prefix, loaded.naming), (prefix, "its own names"));
        assert_eq!(loaded.weights, load(&tiny_tensors()).unwrap());
    }
    for prefix in ["modules.", "Module.", "net.", "module"] {
        let bytes = encode_named(&prefixed(prefix));
        assert!(Weights::parse(&bytes, Path::new("x"), &tiny(), LoadOptions::default()).is_err(), "{prefix}");
    }
}

#[test]
fn a_prefix_is_of_all_the_networks_tensors() {
    let mut tensors = prefixed("module.");
    tensors[1].0 = "a.bias".into();
    let error = Weights::parse(&encode_named(&tensors), Path::new("x"), &tiny(), LoadOptions::default()).unwrap_err();
    let LoadError::Mismatch { problems, .. } = error else { panic!("{error}") };
    let shape = vec![1];
    assert_eq!(
        problems,
        [
            Problem::Missing { name: "module.a.bias".into(), shape: shape.clone() },
            Problem::Extra { name: "a.bias".into(), shape }
        ]
    );

    // What is beside the network's is extra, as without a prefix, even if it is more.
    let mut tensors = prefixed("state_dict.");
    for index in 0..20 {
        tensors.push((format!("optimizer.{index}"), ("", "F32", &[1], f32s(&[0.0]))));
    }
    let load = |options| Loaded::parse(&encode_named(&tensors), Path::new("x"), &tiny(), options);
    let LoadError::Mismatch { problems, .. } = load(LoadOptions::default()).unwrap_err() else { panic!("it loaded") };
    assert_eq!(problems.len(), 20);
    assert_eq!(load(LoadOptions { allow_extra: true, ..LoadOptions::default() }).unwrap().prefix, "state_dict.");
}

#[test]
fn names_that_begin_like_a_prefix_are_the_networks_own() {
    let mut net = Builder::new("tiny", Shape::new(1, 1, 1)).unwrap();
    let a = net.add("model.a", Op::Linear { out: 1, bias: true }, &[net.input()]).unwrap();
    let b = net.add("model.module.b", Op::Linear { out: 1, bias: true }, &[a]).unwrap();
    let network = net.finish(&[b]).unwrap();
    let weights = Weights::random(&network, 1);
    for prefix in ["", "module.", "model.", "state_dict.model."] {
        let tensors: Vec<(String, Raw)> = weights
            .iter()
            .map(|(name, tensor)| (format!("{prefix}{name}"), ("", "F32", tensor.shape(), f32s(tensor.data()))))
            .collect();
        let loaded = Loaded::parse(&encode_named(&tensors), Path::new("x"), &network, LoadOptions::default()).unwrap();
        assert_eq!((loaded.weights, &*loaded.prefix), (weights.clone(), prefix));
    }
}

#[test]
fn what_folding_makes_infinite_is_named_with_its_channel_and_values() {
    let with = |changes: &[(&str, f32)]| {
        let mut tensors = tiny_tensors();
        for &(name, value) in changes {
            tensors.iter_mut().find(|raw| raw.0 == name).unwrap().3 = f32s(&[value]);
        }
        tensors
    };
    let unfoldable = |changes: &[(&str, f32)]| match &problems(&with(changes))[..] {
        [Problem::Unfoldable { name, channel: 0, count: 1, of: 1, how }] => (name.clone(), how.clone()),
        other => panic!("{changes:?}: {other:?}"),
    };
    let (name, how) = unfoldable(&[("b.running_var", -1.0)]);
    assert!(name == "b.running_var" && how.contains("-1.0 + 1e-5"), "{name}: {how}");
    assert_eq!(unfoldable(&[("b.running_var", -1e-5 - 1e-12)]).0, "b.running_var");
    assert_eq!(unfoldable(&[("b.running_var", f32::MIN)]).0, "b.running_var");
    let (name, how) = unfoldable(&[("b.weight", 1e38), ("b.running_var", 0.0)]);
    assert!(name == "b.weight" && how.contains("1e38"), "{name}: {how}");
    let (name, how) = unfoldable(&[("b.weight", 1e20), ("b.running_mean", 1e20)]);
    assert!(name == "b.bias" && how.contains("1e20"), "{name}: {how}");
    let mut tensors = with(&[("b.weight", 1e20)]);
    tensors[0].3 = f32s(&[1.0, -1e20]);
    let text = load(&tensors).unwrap_err().to_string();
    assert!(text.contains("'a.weight'") && text.contains("channel 0") && text.contains("1e20"), "{text}");
    assert_eq!(unfoldable(&[("b.weight", 1e20), ("a.bias", 1e20)]).0, "a.bias");
    assert_eq!(unfoldable(&[("a.bias", f32::MAX)]).0, "a.bias");

    // Small variances and large factors that stay in range are taken.
    load(&with(&[("b.running_var", 0.0)])).unwrap();
    load(&with(&[("b.running_var", -9e-6)])).unwrap();
    load(&with(&[("b.weight", 1e30), ("b.running_var", 1e30)])).unwrap();
    let options = LoadOptions { allow_non_finite: true, ..LoadOptions::default() };
    let weights = Folder::new().load(&encode(&with(&[("b.running_var", -1.0)]), 0), options).unwrap();
    assert_eq!(weights.problems(&tiny()), []);
}

/// Folding goes through batch norms in a row and through nodes that change nothing.
#[test]
fn chains_that_overflow_together_are_refused() {
    let mut net = Builder::new("chain", Shape::new(1, 1, 1)).unwrap();
    let a = net.add("a", Op::Linear { out: 1, bias: false }, &[net.input()]).unwrap();
    let same = net.add("same", Op::Concat, &[a]).unwrap();
    let b = net.add("b", Op::BatchNorm { eps: 1e-5 }, &[same]).unwrap();
    let c = net.add("c", Op::BatchNorm { eps: 1e-5 }, &[b]).unwrap();
    let network = net.finish(&[c]).unwrap();
    let names = |[a, b, c]: [f32; 3]| {
        let mut weights = Weights::random(&network, 0);
        weights.insert("a.weight", Tensor::new(vec![1, 1], vec![a]));
        weights.insert("b.weight", Tensor::new(vec![1], vec![b]));
        weights.insert("c.weight", Tensor::new(vec![1], vec![c]));
        let name = |problem| match problem {
            Problem::Unfoldable { name, .. } => name,
            other => panic!("{other}"),
        };
        weights.problems(&network).into_iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names([1e15, 1e15, 1e5]), Vec::<String>::new());
    assert_eq!(names([1e30, 1e30, 1e-30]), ["a.weight"]);
    assert_eq!(names([1.0, 1e30, 1e30]), ["b.weight"]);
    assert_eq!(names([1e15, 1e15, 1e15]), ["a.weight"]);
}

#[test]
fn weights_in_memory_are_judged_alike() {
    let mut weights = Weights::random(&tiny(), 0);
    assert_eq!(weights.problems(&tiny()), []);
    weights.insert("a.weight", Tensor::new(vec![1, 2, 1, 1], vec![f32::NAN, 1.0]));
    assert_eq!(weights.problems(&tiny()), [Problem::NonFinite { name: "a.weight".into(), count: 1, of: 2 }]);
    assert_eq!(weights.with_non_finite_allowed().problems(&tiny()), []);
}

/// What other tools write: types that are not floats of 32 or 16 bits, no statistics, no values.
#[test]
fn other_types_and_missing_statistics_are_named() {
    for (dtype, width) in [("F64", 8), ("I8", 1), ("BOOL", 1), ("U8", 1), ("I64", 8), ("F8_E4M3", 1)] {
        let mut tensors = tiny_tensors();
        tensors[1] = ("a.bias", dtype, &[1], vec![1; width]);
        assert_eq!(problems(&tensors), [Problem::Type { name: "a.bias".into(), found: dtype.into() }]);
    }
    let mut tensors = tiny_tensors();
    tensors.retain(|raw| !raw.0.contains("running"));
    let missing = |name: &str| Problem::Missing { name: name.into(), shape: vec![1] };
    assert_eq!(problems(&tensors), [missing("b.running_mean"), missing("b.running_var")]);
    let mut tensors = tiny_tensors();
    tensors[1] = ("a.bias", "F32", &[0], vec![]);
    assert_eq!(problems(&tensors), [Problem::Shape { name: "a.bias".into(), found: vec![0], expected: vec![1] }]);
}
