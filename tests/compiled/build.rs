//! The crate that runs kernels one by one.

use std::fmt::Write;
use std::path::Path;

use crate::run::write_files;
use sartor::Level;
use sartor::codegen::emit;
use sartor::codegen::ir::kernel::{Access, Kernel};

const MANIFEST: &str = "[package]
name = \"runner\"
version = \"0.0.0\"
edition = \"2024\"

[profile.release]
opt-level = 3
lto = \"off\"

[workspace]
";

/// Writes the crate for some levels. What is there already is left as it is, so that Cargo has nothing to do.
pub fn write_crate(levels: &[(Level, &[Kernel])], dir: &Path) {
    let mut modules = String::from("mod place;\n");
    let mut arms = String::new();
    for (level, _) in levels {
        writeln!(modules, "mod {level};").unwrap();
        writeln!(arms, "\"{level}\" => &{level}::KERNELS,").unwrap();
    }
    let main = include_str!("runner/main.rs").replace("mod place;\n", &modules).replace("// LEVELS", &arms);
    let file = |path: &str, text: &str| (path.into(), text.into());
    let mut files =
        vec![file("Cargo.toml", MANIFEST), file("src/main.rs", &main), file("src/place.rs", include_str!("runner/place.rs"))];
    files.extend(levels.iter().map(|&(level, kernels)| file(&format!("src/{level}.rs"), &module(level, kernels))));
    write_files(&files, dir);
}

/// A level's kernels as users get them, and a table.
fn module(level: Level, kernels: &[Kernel]) -> String {
    let mut text = emit::kernels(level, kernels);
    writeln!(text, "\npub static KERNELS: [crate::Kernel; {}] = [", kernels.len()).unwrap();
    for kernel in kernels {
        let buffer =
            |buffer: &sartor::codegen::ir::kernel::Buffer| format!("({}, {})", buffer.len, buffer.access == Access::Write);
        let buffers = kernel.buffers.iter().map(buffer).collect::<Vec<_>>().join(", ");
        let args = (0..kernel.buffers.len()).map(|index| format!("b[{index}]")).collect::<Vec<_>>().join(", ");
        let name = &kernel.name;
        writeln!(text, "crate::Kernel {{ name: {name:?}, buffers: &[{buffers}], run: |b| unsafe {{ {name}({args}) }} }},")
            .unwrap();
    }
    text + "];\n"
}
