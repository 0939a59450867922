//! The files of a generated crate.

use std::path::PathBuf;

use sartor_kernels::runtime::Level;
use sartor_models::escape::{code, rust_string};
use sartor_models::{Network, Shape};

use crate::ir::isa;
use crate::network::pack::Packed;
use crate::plan::Plan;

use super::package::{Package, allowance, identifier};
use super::text::Text;
use super::{Kind, level};

/// The runtime, which every crate has a copy of.
const RUNTIME: [(&str, &str); 11] = [
    ("mod.rs", include_str!("../../../kernels/src/runtime/mod.rs")),
    ("arena.rs", include_str!("../../../kernels/src/runtime/arena.rs")),
    ("cores.rs", include_str!("../../../kernels/src/runtime/cores.rs")),
    ("huge.rs", include_str!("../../../kernels/src/runtime/huge.rs")),
    ("layout.rs", include_str!("../../../kernels/src/runtime/layout.rs")),
    ("level.rs", include_str!("../../../kernels/src/runtime/level.rs")),
    ("program.rs", include_str!("../../../kernels/src/runtime/program.rs")),
    ("session.rs", include_str!("../../../kernels/src/runtime/session.rs")),
    ("threads.rs", include_str!("../../../kernels/src/runtime/threads.rs")),
    ("units.rs", include_str!("../../../kernels/src/runtime/units.rs")),
    ("wait.rs", include_str!("../../../kernels/src/runtime/wait.rs")),
];

/// What programs have a copy of, beside the runtime.
const FILES: [(&str, &str); 4] = [
    ("mod.rs", include_str!("../../../kernels/src/files/mod.rs")),
    ("header.rs", include_str!("../../../kernels/src/files/header.rs")),
    ("npy.rs", include_str!("../../../kernels/src/files/npy.rs")),
    ("output.rs", include_str!("../../../kernels/src/files/output.rs")),
];

/// All files of a crate.
pub fn files(network: &Network, plans: &[Plan], packed: &Packed, batch: usize, package: &Package) -> Vec<(PathBuf, Vec<u8>)> {
    let (name, kind) = (package.name(&network.name), package.kind);
    let levels: Vec<Level> = plans.iter().map(|plan| plan.level).collect();
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut add = |path: &str, text: String| files.push((path.into(), text.into_bytes()));
    add("rustfmt.toml", include_str!("../../../rustfmt.toml").into());
    add("src/lib.rs", library(network, plans, batch, &name, kind));
    add("src/weights.rs", weights(packed));
    if kind == Kind::Bin {
        add("src/main.rs", main_file(network, &name));
        FILES.iter().for_each(|(name, text)| add(&format!("src/files/{name}"), (*text).into()));
    }
    for (plan, level) in plans.iter().zip(&levels) {
        add(&format!("src/{level}.rs"), level::print(network, plan));
    }
    for (name, text) in RUNTIME {
        add(&format!("src/runtime/{name}"), without_tests(text).into());
    }
    files.push(("weights.bin".into(), packed.data.iter().flat_map(|value| value.to_le_bytes()).collect()));
    files.insert(0, ("Cargo.toml".into(), package.manifest(&network.name, &files).into_bytes()));
    files
}

/// A file of the runtime without its last lines, which name the file of its tests.
fn without_tests(text: &str) -> &str {
    text.split_once("\n#[cfg(test)]\n").map_or(text, |(text, _)| text)
}

fn weights(packed: &Packed) -> String {
    let mut text = Text::default();
    text.line("//! The packed weights, embedded on a cache line's boundary and used in place.");
    text.line("");
    text.line("/// Bytes on a 64-byte boundary.");
    text.line("#[repr(C, align(64))]");
    text.line("struct Aligned<T>(T);");
    text.line("");
    text.line("/// Little-endian f32.");
    let len = packed.data.len();
    text.line(format!("static BYTES: Aligned<[u8; {}]> = Aligned(*include_bytes!(\"../weights.bin\"));", 4 * len));
    text.line("");
    text.line("/// The weights in the order in which the kernels read them.");
    text.line("// SAFETY: the bytes are so many f32, aligned, and never change.");
    text.line(format!("pub const WEIGHTS: &[f32] = unsafe {{ std::slice::from_raw_parts(BYTES.0.as_ptr().cast(), {len}) }};"));
    text.finish()
}

fn library(network: &Network, plans: &[Plan], batch: usize, name: &str, kind: Kind) -> String {
    let mut text = Text::default();
    library_doc(&mut text, network, plans, &identifier(name), kind);
    text.line("");
    text.line("// Kernels take one pointer a row.");
    text.line("#![allow(clippy::too_many_arguments)]");
    allowance(name).iter().for_each(|line| text.line(line));
    text.line("");
    let mut levels: Vec<Level> = plans.iter().map(|plan| plan.level).collect();
    levels.sort_by_key(|level| LEVEL_FILES.iter().position(|known| known == level));
    for &level in &levels {
        only_where_it_exists(&mut text, level);
        text.line(format!("mod {level};"));
    }
    text.line("#[allow(dead_code)]");
    text.line("pub mod runtime;");
    text.line("mod weights;");
    text.line("");
    text.line("use runtime::{Level, Program};");
    text.line("");
    shapes(&mut text, network, batch);
    text.line("");
    text.line("/// The program of a level, if it was compiled in.");
    text.function("pub fn program", &["level: Level".into()], "Option<&'static Program>", |text| {
        text.block("match level", |text| {
            for &level in &levels {
                only_where_it_exists(text, level);
                text.line(format!("Level::{level:?} => Some(&{level}::PROGRAM),"));
            }
            text.line("#[allow(unreachable_patterns)]");
            text.line("_ => None,");
        });
    });
    text.line("");
    text.line("/// The program of the best level that this CPU can run and `SARTOR_MAX_LEVEL` allows.");
    text.line("///");
    text.line("/// # Errors");
    text.line("/// If the variable holds something that is not a level.");
    text.function("pub fn best", &[], "Result<Option<&'static Program>, runtime::level::UnknownLevel>", |text| {
        text.line("Ok(Level::allowed()?.into_iter().rev().find_map(program))");
    });
    if kind == Kind::Dylib {
        text.line("");
        text.line("/// For loaders: the program of a level by its number, null if it was not compiled in.");
        text.line("#[unsafe(no_mangle)]");
        text.function("pub extern \"C\" fn sartor_program", &["level: u32".into()], "*const Program", |text| {
            text.line("let level = Level::ALL.into_iter().find(|&known| known as u32 == level);");
            text.line("level.and_then(program).map_or(std::ptr::null(), std::ptr::from_ref)");
        });
    }
    text.finish()
}

/// The order of the modules in the library: rustfmt's.
const LEVEL_FILES: [Level; 4] = [Level::Avx2, Level::Avx512, Level::Neon, Level::Portable];

fn only_where_it_exists(text: &mut Text, level: Level) {
    if let Some(arch) = isa::of(level).arch {
        text.line(format!("#[cfg(target_arch = \"{arch}\")]"));
    }
}

fn library_doc(text: &mut Text, network: &Network, plans: &[Plan], name: &str, kind: Kind) {
    let levels: Vec<&str> = plans.iter().map(|plan| plan.level.name()).collect();
    text.line(format!(
        "//! {}, compiled by Sartor {} for {}.",
        code(&network.name),
        env!("CARGO_PKG_VERSION"),
        levels.join(", ")
    ));
    text.line("//!");
    text.line("//! Kernels hold no bounds checks: before they were written, every access of every call was proven to stay in its buffer.");
    text.line("//!");
    text.line("//! `cargo build --release` builds it, and so does rustc alone:");
    text.line("//!");
    text.line("//! ```sh");
    let rustc = "//! rustc --edition 2024 -C opt-level=3 -C codegen-units=1";
    let crate_type = if kind == Kind::Dylib { "cdylib" } else { "rlib" };
    text.line(format!("{rustc} --crate-type {crate_type} --crate-name {name} src/lib.rs"));
    if kind == Kind::Bin {
        text.line(format!("{rustc} --crate-name {name} --extern {name}=lib{name}.rlib src/main.rs"));
    }
    text.line("//! ```");
    if kind != Kind::Dylib {
        text.line("//!");
        text.line("//! In Rust:");
        text.line("//!");
        text.line("//! ```");
        text.line("//! # fn main() -> Result<(), Box<dyn std::error::Error>> {");
        text.line(format!("//! let program = {name}::best()?.ok_or(\"this CPU has none of the compiled levels\")?;"));
        text.line(format!("//! let mut session = {name}::runtime::Session::new(program, 1)?;"));
        text.line("//! let (input, mut output) = (vec![0.0; program.input_len()], vec![0.0; program.output_len()]);");
        text.line("//! session.run(&input, &mut output)?;");
        text.line("//! # Ok(())");
        text.line("//! # }");
        text.line("//! ```");
    }
}

fn shapes(text: &mut Text, network: &Network, batch: usize) {
    let shape = |shape: Shape| format!("[{batch}, {}, {}, {}]", shape.c, shape.h, shape.w);
    text.line("/// The input's shape: images, channels, rows, columns. Values are f32 in this order.");
    text.line(format!("pub const INPUT: [usize; 4] = {};", shape(network.input_shape())));
    text.line("");
    text.line("/// Names and shapes of the outputs, which follow one another.");
    let outputs = network.outputs().iter().map(|&id| network.node(id));
    let outputs: Vec<Vec<String>> = outputs.map(|node| vec![rust_string(&node.name), shape(node.shape)]).collect();
    text.calls(&format!("pub const OUTPUTS: [(&str, [usize; 4]); {}] = [", outputs.len()), "", &outputs, "];");
}

fn main_file(network: &Network, name: &str) -> String {
    // A crate that has this name already needs no other.
    let import = if name == "network" { String::new() } else { format!("use {} as network;\n\n", identifier(name)) };
    let text = include_str!("template/main.rs").replace("use CRATE as network;\n\n", &import).replace("CRATE", name);
    let allowance = allowance(name).map_or_else(String::new, |line| format!("\n{line}\n"));
    format!("//! Runs {} on an .npy file and prints the best classes.\n{allowance}\n{text}", code(&network.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_folders_are_copied() {
        for (folder, copied) in [("runtime", &RUNTIME[..]), ("files", &FILES)] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/src").join(folder);
            let mut found: Vec<String> =
                std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            found.sort();
            let mut copied: Vec<&str> = copied.iter().map(|(name, _)| *name).collect();
            copied.sort_unstable();
            assert_eq!(found, copied);
        }
    }

    #[test]
    fn what_is_copied_is_all_but_the_tests() {
        let mut tested = 0;
        for (name, text) in RUNTIME.iter().chain(&FILES) {
            let copied = without_tests(text);
            assert!(!copied.contains("test"), "{name}");
            if copied.len() < text.len() {
                assert_eq!(
                    text[copied.len()..],
                    format!("\n#[cfg(test)]\n#[path = \"../tests/{name}\"]\nmod tests;\n"),
                    "{name}"
                );
                tested += 1;
            }
        }
        assert_eq!(tested, 8);
    }
}
