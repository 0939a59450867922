//! Converts torchvision's names to timm's, for networks of a stem, inverted residuals by stage, and a head.

/// timm's name of a parameter. `node` gives timm's names of nodes in the inverted residuals.
pub fn renamed(name: &str, node: impl Fn(&[&str]) -> Option<String>) -> String {
    let (path, param) = name.rsplit_once('.').unwrap_or((name, ""));
    let parts: Vec<&str> = path.split('.').collect();
    let fixed = match parts[..] {
        ["features", "0", layer] => Some(if layer == "0" { "conv_stem" } else { "bn1" }),
        ["features", _, layer] if layer.len() == 1 => Some(if layer == "0" { "conv_head" } else { "bn2" }),
        ["classifier", "1"] => Some("classifier"),
        _ => None,
    };
    let node = fixed.map(String::from).or_else(|| node(&parts)).unwrap_or_else(|| path.into());
    format!("{node}.{param}")
}

/// timm's name of a block's `conv`-th convolution, or of the batch norm after it. The blocks of stage 0 have no expansion.
pub fn layer(stage: usize, block: usize, conv: usize, norm: bool) -> Option<String> {
    let convs: &[&str] = if stage == 0 { &["conv_dw", "conv_pw"] } else { &["conv_pw", "conv_dw", "conv_pwl"] };
    let conv_name = convs.get(conv)?;
    let layer = if norm { format!("bn{}", conv + 1) } else { (*conv_name).into() };
    Some(format!("blocks.{stage}.{block}.{layer}"))
}
