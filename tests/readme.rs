//! The tables of the README agree with the code, and its build script with the example's. `UPDATE_README=1 cargo test --test readme` rewrites them.

use sartor::codegen::ir::isa;
use sartor::models::zoo;
use sartor::{Level, Network};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

#[test]
fn tables_are_up_to_date() {
    let found = std::fs::read_to_string(README).unwrap();
    let expected = [("levels", levels()), ("networks", networks())].iter().fold(found.clone(), |text, (name, table)| {
        let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
        let (head, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("README.md has no {begin}"));
        let (_, tail) = rest.split_once(&end).unwrap_or_else(|| panic!("README.md has no {end}"));
        format!("{head}{begin}{table}{end}{tail}")
    });
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(README, expected).unwrap();
    } else {
        assert!(found == expected, "README.md's tables are stale: run UPDATE_README=1 cargo test --test readme");
    }
}

#[test]
fn the_build_script_is_that_of_the_example() {
    let readme = std::fs::read_to_string(README).unwrap();
    let block = readme.split("```rs\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let mut checked = 0;
    for part in block.split("// ").skip(1) {
        let (file, lines) = part.split_once('\n').unwrap();
        // What tests/build_script.rs builds and runs.
        let example = std::fs::read_to_string(format!("{}/examples/build-rs/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        for line in lines.lines().filter(|line| !line.is_empty()) {
            assert!(example.lines().any(|found| found == line), "examples/build-rs/{file} has no line '{line}'");
            checked += 1;
        }
    }
    assert_eq!(checked, 4, "{block}");
}

fn networks() -> String {
    let mut text = "| network | input | parameters | MACs | what it is |\n| --- | --- | ---: | ---: | --- |\n".to_string();
    for entry in zoo::entries() {
        for spec in entry.defaults() {
            let network: Network = spec.build().unwrap();
            let (shape, parameters) = (network.input_shape(), grouped(network.param_count() as u64));
            text += &format!(
                "| `{}` | {shape} | {parameters} | {} | {} |\n",
                network.name,
                grouped(network.macs()),
                entry.description
            );
        }
    }
    text
}

fn levels() -> String {
    let mut text =
        "| level | CPU features | f32 lanes | vector registers | tested |\n| --- | --- | ---: | ---: | --- |\n".to_string();
    for level in Level::ALL.into_iter().rev() {
        let isa = isa::of(level);
        let features = match (isa.arch, isa.features) {
            (Some(arch), Some(features)) => format!("{arch} with {}", features.replace(',', ", ")),
            _ => "none".into(),
        };
        let tested = match level {
            Level::Avx512 | Level::Avx2 => "where the CPU has it",
            Level::Neon => "where the CPU has it, else under qemu; not timed",
            Level::Portable => "everywhere",
        };
        text += &format!("| `{level}` | {features} | {} | {} | {tested} |\n", isa.lanes, isa.registers);
    }
    text
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}
