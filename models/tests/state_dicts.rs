//! State dicts load under the names that users have: torchvision's, timm's and the published classes'.
//!
//! The lists in `state_dicts/` were read off PyTorch's modules by `generate.py` there.

use std::fmt::Write as _;
use std::fs;
use std::io::{Seek, SeekFrom, Write as _};
use std::path::Path;

use sartor_models::weights::{LoadError, LoadOptions, Loaded, Problem};
use sartor_models::zoo::Spec;
use sartor_models::{Network, Weights};

struct Listed {
    /// `OWNER.NETWORK`
    file: String,
    network: Network,
    params: usize,
    macs: u64,
    tensors: Vec<(String, Vec<usize>)>,
}

fn lists() -> Vec<Listed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/state_dicts");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Listed {
    let file = path.file_stem().unwrap().to_str().unwrap().to_string();
    let network = file.split_once('.').unwrap().1.parse::<Spec>().unwrap().build().unwrap();
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let (params, macs) = lines.next().unwrap().split_once(' ').unwrap();
    let tensor = |line: &str| {
        let mut words = line.split(' ');
        (words.next().unwrap().to_string(), words.map(|word| word.parse().unwrap()).collect())
    };
    Listed { file, network, params: params.parse().unwrap(), macs: macs.parse().unwrap(), tensors: lines.map(tensor).collect() }
}

/// Writes a state dict whose i-th tensor begins with the value i and is zero otherwise, mostly as a hole in the file.
fn write(path: &Path, tensors: &[(String, Vec<usize>)]) {
    let mut header = String::from("{");
    let mut starts = vec![0];
    for (name, shape) in tensors {
        let start = starts[starts.len() - 1];
        let end = start + 4 * shape.iter().product::<usize>();
        let comma = if start == 0 { "" } else { "," };
        write!(header, r#"{comma}"{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{end}]}}"#).unwrap();
        starts.push(end);
    }
    header.push('}');
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    let mut file = fs::File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    let data = (8 + header.len()) as u64;
    file.set_len(data + starts[tensors.len()] as u64).unwrap();
    for (index, start) in starts[..tensors.len()].iter().enumerate() {
        file.seek(SeekFrom::Start(data + *start as u64)).unwrap();
        file.write_all(&(index as f32).to_le_bytes()).unwrap();
    }
}

const KNOWN: LoadOptions = LoadOptions { allow_non_finite: false, allow_extra: false, variant_known: true };

#[test]
fn every_listed_state_dict_loads_tensor_by_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let lists = lists();
    for family in [
        "timm.rexnet",
        "class.rexnet",
        "class.rexnet_lite",
        "class.shufflenet_v1_seed",
        "timm.mobilenet_v1",
        "timm.mobilenet_v2",
        "torchvision.mobilenet_v2",
        "timm.efficientnet_b",
        "torchvision.efficientnet_b",
    ] {
        assert!(lists.iter().any(|list| list.file.starts_with(family)), "{family} is not listed");
    }
    for Listed { file, network, params, macs, tensors } in lists {
        assert_eq!((network.param_count(), network.macs()), (params, macs), "{file}");
        write(&path, &tensors);
        let weights = Weights::load(&path, &network, KNOWN).unwrap_or_else(|error| panic!("{file}: {error}"));
        // PyTorch lists its parameters in the order of definition, and all these networks are defined in the order of execution.
        for (index, param) in network.params().iter().enumerate() {
            let tensor = weights.get(&param.name).unwrap();
            assert_eq!((tensor.shape(), tensor.data()[0]), (&param.shape[..], index as f32), "{file}: {}", param.name);
        }
        assert_eq!(weights.iter().count(), tensors.len(), "{file}");
    }
}

#[test]
fn what_is_wrong_is_told_in_the_files_own_names() {
    let mut list = lists().into_iter().find(|list| list.file == "timm.rexnet_x1.0").unwrap();
    list.tensors.retain(|(name, _)| name != "features.5.se.bn.bias");
    list.tensors[0].1 = vec![32, 3, 5, 5];
    list.tensors.push(("stem.bn.momentum".into(), vec![1]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write(&path, &list.tensors);
    let Err(LoadError::Mismatch { naming, problems, .. }) = Weights::load(&path, &list.network, LoadOptions::default()) else {
        panic!("it loaded");
    };
    assert_eq!(naming, "timm's names");
    assert_eq!(
        problems,
        [
            Problem::Shape { name: "stem.conv.weight".into(), found: vec![32, 3, 5, 5], expected: vec![32, 3, 3, 3] },
            Problem::Missing { name: "features.5.se.bn.bias".into(), shape: vec![30] },
            Problem::Extra { name: "stem.bn.momentum".into(), shape: vec![1] },
        ]
    );
}

#[test]
fn names_of_timms_efficientnet_ask_for_the_variant() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for list in lists() {
        let asks = list.file.starts_with("timm.efficientnet");
        // Behind a prefix, and without the head, too.
        let prefixed: Vec<_> = list.tensors.iter().map(|(name, shape)| (format!("module.{name}"), shape.clone())).collect();
        write(&path, &prefixed);
        let error = Loaded::load(&path, &list.network, LoadOptions::default()).err();
        assert_eq!(error.is_some(), asks, "{}: {error:?}", list.file);
        if let Some(error) = error {
            assert!(matches!(error, LoadError::Variant { .. }), "{error}");
            let text = error.to_string();
            let network = &list.network.name;
            for part in ["--variant tf", "--variant torch", &format!("tf_{network}"), "weights.safetensors", "timm's names"] {
                assert!(text.contains(part), "{part}: {text}");
            }
            let loaded = Loaded::load(&path, &list.network, KNOWN).unwrap();
            assert_eq!((loaded.naming, &*loaded.prefix), ("timm's names", "module."));
        }
    }
}

/// Once it is known which, a file of nothing but names is what it is: one without most tensors, and those it has ill-shaped.
#[test]
fn a_few_of_timms_names_are_no_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let names = ["blocks.0.0.bn1.weight", "blocks.0.0.conv_dw.weight", "bn1.bias", "bn1.weight", "conv_stem.weight"];
    write(&path, &names.map(|name| (name.into(), vec![1])));
    let network = "efficientnet_b0".parse::<Spec>().unwrap().build().unwrap();
    let error = Weights::load(&path, &network, LoadOptions::default()).unwrap_err();
    assert!(matches!(error, LoadError::Variant { .. }), "{error}");
    let Err(LoadError::Mismatch { naming, problems, .. }) = Weights::load(&path, &network, KNOWN) else { panic!("it loaded") };
    assert_eq!(naming, "timm's names");
    let shape = Problem::Shape { name: "conv_stem.weight".into(), found: vec![1], expected: vec![32, 3, 3, 3] };
    assert!(problems.contains(&shape), "{problems:?}");
    assert_eq!(problems.iter().filter(|problem| matches!(problem, Problem::Shape { .. })).count(), names.len());
    assert!(!problems.iter().any(|problem| matches!(problem, Problem::Extra { .. })), "{problems:?}");
}

#[test]
fn weights_of_another_network_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let lists = lists();
    let build = |name: &str| name.parse::<Spec>().unwrap().build().unwrap();
    for (file, asked, other) in [
        ("torchvision.mobilenet_v2_x1.0", "efficientnet_b0", Some("mobilenet_v2_x1.0")),
        ("timm.mobilenet_v2_x1.0", "efficientnet_b0", Some("mobilenet_v2_x1.0")),
        ("timm.efficientnet_b1", "efficientnet_b0", Some("efficientnet_b1")),
        ("class.shufflenet_v1_seed_g3", "shufflenet_v1_g3_x1.0", Some("shufflenet_v1_seed_g3")),
        ("torchvision.mobilenet_v2_x1.4", "efficientnet_b0", None),
        ("torchvision.mobilenet_v2_x1.0", "mobilenet_v2_x0.5", Some("mobilenet_v2_x1.0")),
    ] {
        let mut list = lists.iter().find(|list| list.file == file).unwrap().tensors.clone();
        // Another number of classes, behind a prefix.
        let classifier = list.len() - 2;
        list[classifier..].iter_mut().for_each(|(_, shape)| shape[0] = 7);
        list.iter_mut().for_each(|(name, _)| name.insert_str(0, "module."));
        write(&path, &list);
        let error = Weights::load(&path, &build(asked), LoadOptions::default()).unwrap_err();
        let text = error.to_string();
        let LoadError::Mismatch { other: found, .. } = error else { panic!("{text}") };
        assert_eq!(found.as_deref(), other, "{file}");
        assert_eq!(text.contains("these are the weights of network"), other.is_some(), "{text}");
    }
}

/// EfficientNet b1 has all tensors of b0 and more: what a network without head leaves is its head, not half of another network.
#[test]
fn what_is_left_over_is_not_another_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let headless = "efficientnet_b0".parse::<Spec>().unwrap().with_head(false).build().unwrap();
    for list in lists() {
        write(&path, &list.tensors);
        let loaded = Weights::load(&path, &headless, LoadOptions { allow_extra: true, ..KNOWN });
        assert_eq!(loaded.is_ok(), list.file.ends_with("efficientnet_b0"), "{}: {:?}", list.file, loaded.err());
    }
    let b1 = lists().into_iter().find(|list| list.file == "timm.efficientnet_b1").unwrap();
    write(&path, &b1.tensors);
    let error = Weights::load(&path, &headless, LoadOptions { allow_extra: true, ..LoadOptions::default() }).unwrap_err();
    assert!(matches!(&error, LoadError::Mismatch { other: Some(other), .. } if other == "efficientnet_b1"), "{error}");
}
