//! Names of networks. A name that parses prints as a name that parses to the same network. Building it never panics.

use sartor_models::zoo::Spec;

use crate::Choices;

/// Reads the first line as a name, and the rest as parameters that are not part of a name. Returns whether
/// the name was one.
pub fn judge(data: &[u8]) -> bool {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let Ok(text) = std::str::from_utf8(&data[..end]) else { return false };
    let Ok(spec) = text.parse::<Spec>() else { return false };
    let printed = spec.to_string();
    assert_eq!(printed.parse::<Spec>().as_ref(), Ok(&spec), "{printed}");

    let mut choices = Choices(data.get(end + 1..).unwrap_or(&[]));
    let mut spec = spec.with_resolution(24 + choices.below(48), 24 + choices.below(48));
    match choices.below(4) {
        0 => spec = spec.with_groups(choices.below(10)),
        1 => spec = spec.with_kernel_conf([0; 6].map(|_| choices.below(11))),
        2 => spec = spec.with_width(f64::from(choices.byte() as u8 as f32) / 100.0),
        _ => {}
    }
    spec = spec.with_classes(choices.byte() << (choices.below(3) * 8)).with_head(choices.below(2) == 0);
    if let Ok(network) = spec.build() {
        assert_eq!((network.input_shape().h, network.input_shape().w), spec.resolution);
        assert_eq!(network.name, spec.to_string());
        assert!(network.macs() > 0 && network.param_count() > 0);
    }
    true
}
