//! Prints `src/ffi.rs`: the functions that C calls.

use sartor_models::Network;

use super::super::fill::fill;
use super::super::inputs::Input;
use super::super::text::Text;
use super::RESERVED;
use super::identity::Identity;

/// Prints the file.
pub fn print(network: &Network, inputs: &[Input], identity: &Identity) -> String {
    let Identity { name, version, hash } = identity;
    let mut text = Text::default();
    text.block_ending("static DESCRIPTION: Description = Description", "};", |text| {
        for (field, value) in [("name", &network.name), ("version", version), ("hash", hash)] {
            text.line(format!("{field}: {}.as_ptr(),", c_string(value)));
        }
        for table in ["input", "output"] {
            let upper = table.to_uppercase();
            text.line(format!("{table}_count: {upper}_TENSORS.len(),"));
            text.line(format!("{table}s: {upper}_TENSORS.as_ptr(),"));
        }
    });
    let outputs = network.outputs().iter().map(|&id| &network.node(id).name);
    for (table, names) in [("INPUT", inputs.iter().map(|input| &input.name).collect::<Vec<_>>()), ("OUTPUT", outputs.collect())] {
        let tensors = names.iter().enumerate().map(|(index, name)| vec![c_string(name), format!("{table}S[{index}].1")]);
        let tensors: Vec<Vec<String>> = tensors.collect();
        text.line("");
        text.calls(&format!("static {table}_TENSORS: [Tensor; {}] = [", tensors.len()), "Tensor::new", &tensors, "];");
    }
    fill(include_str!("../template/ffi.rs"), &[("reserved", &RESERVED.to_string()), ("net", name)]) + &text.finish()
}

/// A text as a C string literal of Rust, of ASCII characters. C's strings end at a zero, which becomes another character.
fn c_string(text: &str) -> String {
    format!("c\"{}\"", text.replace('\0', "\u{fffd}").escape_default())
}
