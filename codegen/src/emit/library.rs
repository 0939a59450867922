//! Prints the root of a generated crate, `src/lib.rs`: how to use it, its shapes, its levels.

use std::collections::BTreeSet;

use sartor_kernels::runtime::Level;
use sartor_models::escape::{code, rust_string};
use sartor_models::input::Layout;
use sartor_models::{Network, Shape};

use crate::ir::isa;

use super::kind::Kind;
use super::package::{Package, allowance, identifier};
use super::text::Text;

/// What every crate with kernels allows, and why.
pub(super) const ALLOWED: [&str; 2] = [
    "// Kernels take one pointer a row, and go along several arrays at once.",
    "#![allow(clippy::too_many_arguments, clippy::needless_range_loop)]",
];

/// Prints the file for a crate of this name.
pub fn print(network: &Network, levels: &[Level], batch: usize, name: &str, package: &Package) -> String {
    let kind = package.kind;
    let mut text = Text::default();
    doc(&mut text, network, levels, &identifier(name), kind);
    text.line("");
    ALLOWED.iter().for_each(|line| text.line(line));
    allowance(name).iter().for_each(|line| text.line(line));
    text.line("");
    modules(&mut text, levels, package);
    text.line("");
    shapes(&mut text, network, batch, package);
    text.line("");
    programs(&mut text, levels);
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

fn doc(text: &mut Text, network: &Network, levels: &[Level], name: &str, kind: Kind) {
    let levels = levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(", ");
    text.line(format!("//! {}, compiled by Sartor {} for {levels}.", code(&network.name), env!("CARGO_PKG_VERSION")));
    if kind.has_pool() {
        EXAMPLE.lines().for_each(|line| text.line(format!("//! {}", line.replace("CRATE", name)).trim_end()));
    }
    text.line("//!");
    text.line(
        "//! Kernels check no bounds: before they were written, every access of every call was proven to stay in its buffer.",
    );
    text.line("//!");
    text.line("//! `cargo build --release` builds the crate, and so does rustc alone:");
    text.line("//!");
    text.line("//! ```sh");
    let abort = if kind.has_c() { " -C panic=abort" } else { "" };
    let rustc = format!("//! rustc --edition 2024 -C opt-level=3 -C codegen-units=1{abort}");
    let crate_type = match kind {
        Kind::Bin | Kind::Lib => "rlib",
        Kind::Dylib | Kind::Wheel => "cdylib",
        Kind::C => "cdylib,staticlib",
    };
    text.line(format!("{rustc} --crate-type {crate_type} --crate-name {name} src/lib.rs"));
    if kind == Kind::Bin {
        text.line(format!("{rustc} --crate-name {name} --extern {name}=lib{name}.rlib src/main.rs"));
    }
    text.line("//! ```");
}

const EXAMPLE: &str = "
A [`Model`] runs it:

```
use CRATE::{INPUT_LEN, Model, OUTPUT_LEN};

# fn main() -> Result<(), CRATE::ModelError> {
let mut model = Model::new(1)?; // one thread
let input = vec![0.0; INPUT_LEN]; // what INPUT says, in this order
let mut output = vec![0.0; OUTPUT_LEN];
model.run(&input, &mut output)?; // as often as needed
# Ok(())
# }
```

A [`Pool`] of models answers many threads at once. Below a model lie the [`Program`] of each level and the [`Session`](runtime::Session) that runs one, for runners of your own.";

/// Prints the modules in rustfmt's order, and which of their items are public.
fn modules(text: &mut Text, levels: &[Level], package: &Package) {
    let kind = package.kind;
    for module in ["avx2", "avx512", "ffi", "model", "neon", "pool", "portable", "preprocess", "runtime", "weights"] {
        match (module, module.parse()) {
            (_, Ok(level)) if !levels.contains(&level) => continue,
            ("model", _) if kind == Kind::Dylib => continue,
            ("pool", _) if !kind.has_pool() => continue,
            ("ffi", _) if !kind.has_c() => continue,
            ("preprocess", _) if package.pictures.is_none() => continue,
            (_, Ok(level)) => only_on(text, isa::of(level).arch),
            // These modules are used by the levels alone.
            ("weights", _) if levels.iter().all(|&level| isa::of(level).arch.is_some()) => {
                only_on(text, levels.iter().filter_map(|&level| isa::of(level).arch));
            }
            _ => {}
        }
        text.line(format!("{}mod {module};", if module == "runtime" { "pub " } else { "" }));
    }
    text.line("");
    if kind != Kind::Dylib {
        text.line("pub use model::{Model, ModelError};");
    }
    if kind.has_pool() {
        text.line("pub use pool::{Pool, PoolModel};");
    }
    if package.pictures.is_some() {
        text.line("pub use preprocess::{PREPROCESS, Preprocess};");
    }
    text.line("pub use runtime::{Level, Program};");
}

/// Prints an attribute: the next item is compiled for these architectures only; for all, if the list is empty.
fn only_on(text: &mut Text, arches: impl IntoIterator<Item = &'static str>) {
    let arches: BTreeSet<String> = arches.into_iter().map(|arch| format!("target_arch = \"{arch}\"")).collect();
    let arches: Vec<String> = arches.into_iter().collect();
    match &arches[..] {
        [] => {}
        [arch] => text.line(format!("#[cfg({arch})]")),
        several => text.line(format!("#[cfg(any({}))]", several.join(", "))),
    }
}

fn shapes(text: &mut Text, network: &Network, batch: usize, package: &Package) {
    let shape = |shape: Shape| format!("[{batch}, {}, {}, {}]", shape.c, shape.h, shape.w);
    let outputs: Vec<_> = network.outputs().iter().map(|&id| network.node(id)).collect();
    let inputs = package.inputs(network);
    let dims = match package.input.layout {
        Layout::Nchw => "images, channels, rows, columns",
        Layout::Nhwc => "images, rows, columns, channels",
    };
    if inputs.len() == 1 {
        text.line(format!("/// The input's shape: {dims}. Values are f32 in this order."));
    } else {
        text.line(format!("/// The shape that holds all inputs, those of an image one after another: {dims}."));
    }
    text.line(format!("pub const INPUT: [usize; 4] = {};", shape(network.input_shape())));
    text.line("");
    let named = inputs.iter().map(|input| vec![rust_string(&input.name), shape(input.shape)]);
    text.line(format!("/// Names and shapes of the inputs: {dims}. Those of an image follow one another."));
    constant(text, "INPUTS", &named.collect::<Vec<_>>());
    text.line("");
    text.line(format!("/// Values of {}.", if inputs.len() == 1 { "the input" } else { "all inputs together" }));
    text.line(format!("pub const INPUT_LEN: usize = {};", batch * network.input_shape().len()));
    text.line("");
    text.line("/// Names and shapes of the outputs, which follow one another.");
    let named: Vec<Vec<String>> = outputs.iter().map(|node| vec![rust_string(&node.name), shape(node.shape)]).collect();
    constant(text, "OUTPUTS", &named);
    text.line("");
    text.line("/// Values of all outputs together.");
    let len: usize = outputs.iter().map(|node| node.shape.len()).sum();
    text.line(format!("pub const OUTPUT_LEN: usize = {};", batch * len));
}

/// Prints a constant of names and shapes.
fn constant(text: &mut Text, name: &str, named: &[Vec<String>]) {
    text.calls(&format!("pub const {name}: [(&str, [usize; 4]); {}] = [", named.len()), "", named, "];");
}

fn programs(text: &mut Text, levels: &[Level]) {
    let mut best_first = levels.to_vec();
    best_first.sort_by_key(|&level| std::cmp::Reverse(level));
    text.line("/// The levels that were compiled in, the best first. Those of another architecture are left out when this crate is built.");
    let names: Vec<String> = best_first.iter().map(|level| format!("Level::{level:?}")).collect();
    text.list(&format!("pub const LEVELS: [Level; {}] = [", names.len()), &names, "];");
    text.line("");
    text.line("/// The program of a level, if it was compiled in.");
    text.function("pub fn program", &["level: Level".into()], "Option<&'static Program>", |text| {
        text.block("match level", |text| {
            for &level in &best_first {
                only_on(text, isa::of(level).arch);
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
        text.line("let cap = Level::cap()?;");
        text.line("Ok(Level::ALL.into_iter().rev().filter(|&level| level <= cap && level.is_available()).find_map(program))");
    });
}
