//! The files of a generated crate.

use std::path::PathBuf;

use sartor_kernels::runtime::Level;
use sartor_models::Network;

use crate::isa;
use crate::pack::Packed;
use crate::plan::Plan;

use super::text::Text;
use super::{Kind, level};

/// The runtime, vendored as it is.
const RUNTIME: [(&str, &str); 8] = [
    ("mod.rs", include_str!("../../../kernels/src/runtime/mod.rs")),
    ("arena.rs", include_str!("../../../kernels/src/runtime/arena.rs")),
    ("barrier.rs", include_str!("../../../kernels/src/runtime/barrier.rs")),
    ("layout.rs", include_str!("../../../kernels/src/runtime/layout.rs")),
    ("level.rs", include_str!("../../../kernels/src/runtime/level.rs")),
    ("program.rs", include_str!("../../../kernels/src/runtime/program.rs")),
    ("session.rs", include_str!("../../../kernels/src/runtime/session.rs")),
    ("threads.rs", include_str!("../../../kernels/src/runtime/threads.rs")),
];

/// All files of a crate.
pub fn files(network: &Network, plans: &[Plan], packed: &Packed, kind: Kind) -> Vec<(PathBuf, Vec<u8>)> {
    let levels: Vec<Level> = plans.iter().map(|plan| plan.options.level).collect();
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut add = |path: &str, text: String| files.push((path.into(), text.into_bytes()));
    add("Cargo.toml", manifest(network, kind));
    add("src/lib.rs", library(network, plans, kind));
    add("src/weights.rs", weights(packed));
    if kind == Kind::Bin {
        add("src/main.rs", main_file(network));
    }
    for (plan, level) in plans.iter().zip(&levels) {
        add(&format!("src/{level}.rs"), level::print(network, plan));
    }
    for (name, text) in RUNTIME {
        add(&format!("src/runtime/{name}"), text.into());
    }
    files.push(("weights.bin".into(), packed.data.iter().flat_map(|value| value.to_le_bytes()).collect()));
    files
}

/// A network's name as the name of a crate.
pub fn crate_name(network: &str) -> String {
    let name: String = network.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("network_{name}") }
}

fn manifest(network: &Network, kind: Kind) -> String {
    let name = crate_name(&network.name);
    let crate_type = if kind == Kind::Dylib { "\n[lib]\ncrate-type = [\"cdylib\"]\n" } else { "" };
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\nrust-version = \"1.89\"\npublish = false\n{crate_type}\n\
         [profile.release]\nopt-level = 3\npanic = \"unwind\"\nstrip = \"debuginfo\"\n\n[workspace]\n"
    )
}

fn weights(packed: &Packed) -> String {
    let mut text = Text::default();
    text.line("//! The packed weights, embedded on a cache line's boundary and used in place.");
    text.line("");
    text.line("/// Bytes on a 64-byte boundary.");
    text.line("#[repr(C, align(64))]");
    text.line("pub struct Aligned<T>(pub T);");
    text.line("");
    text.line("/// Little-endian f32 in the order in which the kernels read them.");
    let bytes = packed.data.len() * 4;
    text.line(format!("pub static WEIGHTS: Aligned<[u8; {bytes}]> ="));
    text.line("    Aligned(*include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/weights.bin\")));");
    text.finish().replace("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/weights.bin\")", "\"../weights.bin\"")
}

fn library(network: &Network, plans: &[Plan], kind: Kind) -> String {
    let mut text = Text::default();
    let input = network.input_shape();
    let batch = plans[0].options.batch;
    text.line(format!("//! `{}`, compiled by Sartor {}.", network.name, env!("CARGO_PKG_VERSION")));
    text.line("//!");
    text.line(format!("//! Input: {batch} x {} x {} x {} f32, NCHW.", input.c, input.h, input.w));
    for (index, &output) in network.outputs().iter().enumerate() {
        let shape = network.node(output).shape;
        text.line(format!(
            "//! Output {index}, `{}`: {batch} x {} x {} x {}.",
            network.node(output).name,
            shape.c,
            shape.h,
            shape.w
        ));
    }
    text.line("");
    text.line("#![deny(warnings)]");
    text.line("// Kernels take one pointer a row.");
    text.line("#![allow(clippy::too_many_arguments)]");
    text.line("// Their safety is a proof over the whole program: every access was shown to stay in its buffer.");
    text.line("#![allow(clippy::missing_safety_doc)]");
    text.line("");
    for plan in plans {
        if let Some(arch) = isa::of(plan.options.level).arch {
            text.line(format!("#[cfg(target_arch = \"{arch}\")]"));
        }
        text.line(format!("mod {};", plan.options.level));
    }
    text.line("#[allow(dead_code)]");
    text.line("pub mod runtime;");
    text.line("mod weights;");
    text.line("");
    text.line("use runtime::{Level, Program};");
    text.line("");
    text.line("/// The program of a level, if it was compiled in.");
    text.function("pub fn program", &["level: Level".into()], |_| {});
    let mut text = text.finish();
    text.truncate(text.len() - "pub fn program(level: Level) {\n}\n".len());
    text.push_str("pub fn program(level: Level) -> Option<&'static Program> {\n    match level {\n");
    for plan in plans {
        if let Some(arch) = isa::of(plan.options.level).arch {
            text.push_str(&format!("        #[cfg(target_arch = \"{arch}\")]\n"));
        }
        text.push_str(&format!("        Level::{:?} => Some(&{}::PROGRAM),\n", plan.options.level, plan.options.level));
    }
    text.push_str("        #[allow(unreachable_patterns)]\n        _ => None,\n    }\n}\n");
    text.push_str(
        "\n/// The program of the best level that this CPU can run and `SARTOR_MAX_LEVEL` allows.\n\
         ///\n/// # Errors\n/// If the variable holds something that is not a level.\n\
         pub fn best() -> Result<Option<&'static Program>, runtime::level::UnknownLevel> {\n\
         \x20   Ok(Level::allowed()?.into_iter().rev().find_map(program))\n}\n",
    );
    if kind == Kind::Dylib {
        text.push_str(
            "\n/// For loaders: the program of a level by its number, null if it was not compiled in.\n\
             #[no_mangle]\npub extern \"C\" fn sartor_program(level: u32) -> *const Program {\n\
             \x20   let level = Level::ALL.into_iter().find(|&known| known as u32 == level);\n\
             \x20   level.and_then(program).map_or(std::ptr::null(), std::ptr::from_ref)\n}\n",
        );
    }
    text
}

fn main_file(network: &Network) -> String {
    include_str!("template/main.rs").replace("CRATE", &crate_name(&network.name)).replace("NETWORK", &network.name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_whole_runtime_is_vendored() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/src/runtime");
        let mut found: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        found.sort();
        let mut vendored: Vec<&str> = super::RUNTIME.iter().map(|(name, _)| *name).collect();
        vendored.sort_unstable();
        assert_eq!(found, vendored);
    }
}
