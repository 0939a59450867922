//! The files of a generated crate.

use std::path::PathBuf;

use sartor_kernels::runtime::Level;
use sartor_models::Network;
use sartor_models::escape::code;
use sartor_models::input::{Elements, InputForm, Layout};

use crate::network::pack::Packed;
use crate::plan::Plan;

use super::kind::Kind;
use super::package::{Package, allowance, digest, identifier};
use super::text::Text;
use super::{c, level, library, model, pictures, pool, python};

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

/// What every program has a copy of, in addition to the runtime.
    if kind.has_pool() {
        add("src/pool.rs", pool::print(package.input.elements));
    }
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
    add("src/lib.rs", library::print(network, &levels, batch, &name, package));
    add("src/weights.rs", weights(packed));
    if kind != Kind::Dylib {
        add("src/model.rs", model::print(package.input.elements));
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
    for (name, text) in RUNTIME {
        add(&format!("src/runtime/{name}"), without_tests(text).into());
    }
    files.push(("weights.bin".into(), packed.data.iter().flat_map(|value| value.to_le_bytes()).collect()));
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

/// A file of the runtime without its last lines, which declare the module of its tests.
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
            assert!(!copied.contains("(test)"), "{name}");
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
