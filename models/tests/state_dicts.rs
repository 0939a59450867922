//! State dicts load under the names that users have: torchvision's, timm's and the published classes'.
//!
//! The lists in `state_dicts/` were read off PyTorch's modules by `generate.py` there.

use std::fmt::Write as _;
use std::fs;
use std::io::{Seek, SeekFrom, Write as _};
use std::path::Path;

use sartor_models::weights::{LoadError, LoadOptions, Problem};
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

#[test]
fn every_listed_state_dict_loads_tensor_by_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let lists = lists();
    for family in ["timm.rexnet", "class.rexnet", "class.rexnet_lite", "class.shufflenet_v1_seed", "timm.mobilenet_v1"] {
        assert!(lists.iter().any(|list| list.file.starts_with(family)), "{family} is not listed");
    }
    for Listed { file, network, params, macs, tensors } in lists {
        assert_eq!((network.param_count(), network.macs()), (params, macs), "{file}");
        write(&path, &tensors);
        let weights = Weights::load(&path, &network, LoadOptions::default()).unwrap_or_else(|error| panic!("{file}: {error}"));
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
