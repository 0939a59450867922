//! The files of a crate with the programs of several networks for one level. They share the runtime and their kernels.

use std::collections::HashSet;
use std::path::PathBuf;

use sartor_kernels::runtime::Level;
use sartor_models::Network;
use typed_index_collections::TiVec;

use crate::ids::KernelId;
use crate::ir::kernel::Kernel;
use crate::network::pack::Packed;
use crate::plan::Plan;

use super::text::Text;
use super::{files, level, library};

const MANIFEST: &str = "[package]\nname = \"together\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n";

/// The symbol that gives the program of the network at `index`, as `sartor_program` does in a library of one network.
pub fn symbol(index: usize) -> String {
    format!("sartor_program_{index}")
}

/// All files of the crate. `level` is that of all plans.
pub fn print(level: Level, networks: &[(&Network, &Plan, &Packed)]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut shared = Shared::default();
    let mut files: Vec<(PathBuf, Vec<u8>)> = vec![("Cargo.toml".into(), MANIFEST.into())];
    let mut add = |path: String, bytes: Vec<u8>| files.push((path.into(), bytes));
    for (index, (network, plan, packed)) in networks.iter().enumerate() {
        let kernels: TiVec<KernelId, Kernel> = plan.kernels.iter().map(|kernel| shared.named(kernel)).collect();
        add(format!("src/{level}/n{index}.rs"), level::print_alone(network, plan, &kernels).into());
        add(format!("src/{level}/n{index}/weights.rs"), files::weights(packed, "weights.bin").into());
        add(format!("src/{level}/n{index}/weights.bin"), files::bytes(packed));
    }
    let modules: String = (0..networks.len()).map(|index| format!("pub mod n{index};\n")).collect();
    add(format!("src/{level}.rs"), (level::print_kernels(level, &shared.kernels) + "\n" + &modules).into());
    add("src/lib.rs".into(), root(level, networks.len()).into());
    files.extend(files::runtime());
    files
}

/// The distinct kernels of all programs.
#[derive(Default)]
struct Shared {
    kernels: Vec<Kernel>,
    names: HashSet<String>,
}

impl Shared {
    /// A kernel under the name that it has in the crate: a name is unique in its program alone.
    fn named(&mut self, kernel: &Kernel) -> Kernel {
        if let Some(known) = self.kernels.iter().find(|known| known.is_same(kernel)) {
            return known.clone();
        }
        let others = (2..).map(|n| format!("{}_{n}", kernel.name));
        let name = std::iter::once(kernel.name.clone()).chain(others).find(|name| !self.names.contains(name));
        let named = Kernel { name: name.expect("numbers do not end"), ..kernel.clone() };
        self.names.insert(named.name.clone());
        self.kernels.push(named.clone());
        named
    }
}

fn root(level: Level, count: usize) -> String {
    let mut text = Text::default();
    text.line(format!("//! Networks that were compiled together for {level}."));
    text.line("");
    library::ALLOWED.iter().for_each(|line| text.line(line));
    text.line("");
    text.line(format!("mod {level};"));
    text.line("pub mod runtime;");
    text.line("");
    text.line("use runtime::{Level, Program};");
    for index in 0..count {
        text.line("");
        text.line("#[unsafe(no_mangle)]");
        let head = format!("pub extern \"C\" fn {}", symbol(index));
        text.function(&head, &["level: u32".into()], "*const Program", |text| {
            text.line(format!(
                "if level == Level::{level:?} as u32 {{ &{level}::n{index}::PROGRAM }} else {{ std::ptr::null() }}"
            ));
        });
    }
    text.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_equal_kernels_are_one() {
        let kernel = |name: &str, vars: &[&str]| Kernel {
            name: name.into(),
            doc: vec![name.into()],
            level: Level::Portable,
            buffers: Vec::new(),
            vars: vars.iter().map(|&var| var.into()).collect(),
            regs: Vec::new(),
            body: Vec::new(),
        };
        let mut shared = Shared::default();
        let mut named = |name, vars: &[&str]| shared.named(&kernel(name, vars)).name;
        assert_eq!([named("a", &["x"]), named("a", &["y"]), named("a_2", &["z"])], ["a", "a_2", "a_2_2"]);
        assert_eq!([named("b", &["x"]), named("a", &["y"])], ["a", "a_2"], "their names were others in other programs");
        assert_eq!(shared.kernels.len(), 3);
    }
}
