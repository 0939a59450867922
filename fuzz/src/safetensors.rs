//! Weights from safetensors files. A file that the safetensors crate refuses is refused, and a file that is loaded has the values that the
//! crate reads.

use std::sync::LazyLock;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use sartor_models::weights::{LoadError, LoadOptions};
use sartor_models::{Builder, Conv2d, Network, Op, Shape, Weights, Window};

/// A network of a few small tensors: `c.weight` `[2, 1, 1, 1]`, `c.bias` `[2]`, `l.weight` `[1, 2]`.
static NETWORK: LazyLock<Network> = LazyLock::new(|| {
    let mut builder = Builder::new("tiny", Shape::new(1, 1, 1)).unwrap();
    let conv = Conv2d { oc: 2, groups: 1, bias: true, window: Window::POINT };
    let conv = builder.add("c", Op::Conv2d(conv), &[builder.input()]).unwrap();
    let linear = builder.add("l", Op::Linear { out: 1, bias: false }, &[conv]).unwrap();
    builder.finish(&[linear]).unwrap()
});

/// Reads the bytes as a safetensors file. Returns whether they were one with the weights that are wanted.
pub fn judge(data: &[u8]) -> bool {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), data).unwrap();
    let options = LoadOptions {
        allow_non_finite: data.len().is_multiple_of(2),
        allow_extra: data.len().is_multiple_of(3),
        ..LoadOptions::default()
    };
    let loaded = Weights::load(file.path(), &NETWORK, options);
    let read = loaded.is_ok();
    match (SafeTensors::deserialize(data), loaded) {
        (Ok(oracle), Ok(weights)) => {
            assert!(!has_key_twice(data), "a name that is there twice was let pass");
            for param in NETWORK.params() {
                let expected = values(&oracle, &param.name);
                let found = weights.get(&param.name).unwrap();
                assert_eq!(found.shape(), param.shape, "{}", param.name);
                let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(found.data()), bits(&expected), "{}", param.name);
                assert!(options.allow_non_finite || expected.iter().all(|x| x.is_finite()), "{}", param.name);
            }
            let known = |name: &&str| NETWORK.params().iter().all(|p| p.name != *name) && !name.ends_with("num_batches_tracked");
            let names = oracle.names();
            let extra = names.iter().map(|name| &**name).find(known);
            assert!(options.allow_extra || extra.is_none(), "{extra:?} was let pass");
        }
        (Ok(_), Err(LoadError::Duplicate { name, .. })) => assert!(has_key_twice(data), "{name} is there once"),
        (Ok(_), Err(LoadError::Mismatch { problems, .. })) => assert!(!problems.is_empty()),
        (Ok(_), Err(error)) => panic!("refused what the safetensors crate reads: {error}"),
        (Err(error), Ok(_)) => panic!("loaded what the safetensors crate refuses: {error}"),
        (Err(_), Err(LoadError::Format { .. } | LoadError::Kind { .. } | LoadError::Io { .. })) => {}
        (Err(error), Err(other)) => panic!("the file is damaged ({error}), but the fault is said to be: {other}"),
    }
    read
}

/// Whether an object of the header has a key twice: it has more colons than a reader keeps entries.
fn has_key_twice(data: &[u8]) -> bool {
    let len = u64::from_le_bytes(data[..8].try_into().unwrap()) as usize;
    let header = &data[8..8 + len];
    let (mut colons, mut in_string, mut escaped) = (0, false, false);
    for &byte in header {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b':' if !in_string => colons += 1,
            _ => {}
        }
    }
    colons > entries(&serde_json::from_slice(header).unwrap())
}

fn entries(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Object(map) => map.len() + map.values().map(entries).sum::<usize>(),
        serde_json::Value::Array(items) => items.iter().map(entries).sum(),
        _ => 0,
    }
}

fn values(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let view = file.tensor(name).unwrap();
    let bytes = view.data();
    match view.dtype() {
        Dtype::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
        Dtype::F16 => bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        Dtype::BF16 => bytes.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        other => panic!("{name} was loaded from {other:?}"),
    }
}
