//! The files of a generated crate.

use std::path::PathBuf;

use sartor_kernels::runtime::Level;
use sartor_kernels::sources::{FILES, RUNTIME, without_tests};
use sartor_models::Network;
use sartor_models::escape::code;
use sartor_models::input::{Elements, InputForm, Layout};

use crate::network::pack::Packed;
use crate::plan::Plan;

use super::kind::Kind;
use super::package::{Package, allowance, digest, identifier};
use super::text::Text;
use super::{c, level, library, model, pictures, pool, python};

/// How the crate's text is formatted: as rustfmt.toml of this project has it.
const RUSTFMT: &str = "max_width = 130\nuse_small_heuristics = \"Max\"\nstyle_edition = \"2024\"\n";

/// All files of a crate.
pub fn files(network: &Network, plans: &[Plan], packed: &Packed, batch: usize, package: &Package) -> Vec<(PathBuf, Vec<u8>)> {
    let (name, kind) = (package.name(&network.name), package.kind);
    let levels: Vec<Level> = plans.iter().map(|plan| plan.level).collect();
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut add = |path: &str, text: String| files.push((path.into(), text.into_bytes()));
    add("rustfmt.toml", RUSTFMT.into());
    add("src/lib.rs", library::print(network, &levels, batch, &name, package));
    add("src/weights.rs", weights(packed, "../weights.bin"));
    if kind != Kind::Dylib {
        add("src/model.rs", model::print(package.input.elements));
    }
    if kind.has_pool() {
        add("src/pool.rs", pool::print(package.input.elements));
    }
    if let Some(facts) = &package.pictures {
        add("src/preprocess.rs", pictures::print(facts, &package.input));
        if !facts.labels.is_empty() {
            add(pictures::LABELS, facts.labels.join("\n") + "\n");
        }
    }
    if kind == Kind::Bin {
        add("src/main.rs", main_file(network, &name, &package.input));
        FILES.iter().for_each(|(name, text)| add(&format!("src/files/{name}"), (*text).into()));
    }
    for (plan, level) in plans.iter().zip(&levels) {
        add(&format!("src/{level}.rs"), level::print(network, plan));
    }
    files.extend(runtime());
    files.push(("weights.bin".into(), bytes(packed)));
    let hash = digest(&files);
    if kind.has_c() {
        let identity = c::Identity { name: identifier(&name), version: package.version(&hash), hash: hash.clone() };
        let mut add = |path: &str, text: String| files.push((path.into(), text.into_bytes()));
        add("src/ffi.rs", c::ffi(network, &package.inputs(network), &identity));
        if kind == Kind::C {
            add(&format!("include/{}.h", identity.name), c::header(network, plans, batch, &identity));
        } else {
            python::files(network, batch, package, &identity).into_iter().for_each(|(path, text)| add(&path, text));
        }
    }
    files.insert(0, ("Cargo.toml".into(), package.manifest(&network.name, &hash).into_bytes()));
    files
}

/// The files of the runtime.
pub(super) fn runtime() -> impl Iterator<Item = (PathBuf, Vec<u8>)> {
    RUNTIME.into_iter().map(|(name, text)| (format!("src/runtime/{name}").into(), without_tests(text).into()))
}

/// The file of the weights.
pub(super) fn bytes(packed: &Packed) -> Vec<u8> {
    packed.data.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The module that embeds the file of the weights, which is at `path` from it.
pub(super) fn weights(packed: &Packed, path: &str) -> String {
    let mut text = Text::default();
    text.line("//! The packed weights, embedded on a cache line's boundary and used in place.");
    text.line("");
    text.line("/// Bytes on a 64-byte boundary.");
    text.line("#[repr(C, align(64))]");
    text.line("struct Aligned<T>(T);");
    text.line("");
    text.line("/// Little-endian f32.");
    let len = packed.data.len();
    text.line(format!("static BYTES: Aligned<[u8; {}]> = Aligned(*include_bytes!({path:?}));", 4 * len));
    text.line("");
    text.line("/// The weights in the order in which the kernels read them.");
    text.line("// SAFETY: the bytes are so many f32, aligned, and never change.");
    text.line(format!("pub const WEIGHTS: &[f32] = unsafe {{ std::slice::from_raw_parts(BYTES.0.as_ptr().cast(), {len}) }};"));
    text.finish()
}

fn main_file(network: &Network, name: &str, input: &InputForm) -> String {
    // If the crate is called `network`, it needs no other name.
    let import = if name == "network" { String::new() } else { format!("use {} as network;\n\n", identifier(name)) };
    let text = include_str!("template/main.rs").replace("use CRATE as network;\n\n", &import).replace("CRATE", name);
    let text = match input.layout {
        Layout::Nchw => text,
        Layout::Nhwc => text.replace("images x channels x rows x columns", "images x rows x columns x channels"),
    };
    let text = match input.elements {
        Elements::F32 => text,
        Elements::U8 => text
            .replace("little-endian f32, images", "bytes or little-endian f32, images")
            .replace("[Elements; 1] = [Elements::F32]", "[Elements; 2] = [Elements::F32, Elements::U8]"),
    };
    let allowance = allowance(name).map_or_else(String::new, |line| format!("\n{line}\n"));
    format!("//! Runs {} on an .npy file and prints the best classes.\n{allowance}\n{text}", code(&network.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_formatted_as_this_project_is() {
        let ours = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../rustfmt.toml");
        assert_eq!(RUSTFMT, std::fs::read_to_string(ours).unwrap());
    }
}
