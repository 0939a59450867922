//! The library for C: its symbols, its header in C99 and C++17, the examples, careless callers, and what finds it.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use object::{Object, ObjectSymbol};
use sartor::kernels::report::skipped;
use sartor::models::weights::LoadOptions;
use sartor::models::zoo::Spec;
use sartor::{Level, Model, Network, Weights};

mod common;
use common::{Folder, TINY, own_cache, sartor, tools};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// The libraries of rexnet_digits, and of a small network under the name `tiny`.
static LIBRARIES: LazyLock<[PathBuf; 2]> = LazyLock::new(|| {
    [("digits", &["rexnet_digits"][..]), ("tiny", &[&TINY[..], &["--name", "tiny"]].concat())].map(|(folder, network)| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("c-{folder}"));
        sartor().arg("compile").args(network).args(["--kind", "c", "-o"]).arg(&folder).assert().success();
        folder
    })
});

fn run(command: &mut Command) -> (String, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    (stdout, stderr)
}

fn is_here(program: &str, what: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        skipped(what, &format!("no {program}"));
    }
    found
}

fn values() -> Vec<f32> {
    (0..3 * 32 * 32).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect()
}

/// A file of an input's values.
fn input(folder: &Folder) -> String {
    folder.file("input.f32", &values().iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// What the examples print of a network's answer, as Rust computes it at the level.
fn expected(prefix: &str, network: &Network, weights: &Weights, level: Level) -> String {
    own_cache();
    let model = Model::open(network, weights, level).unwrap();
    let mut output = vec![0.0; model.program().output_len()];
    model.session(1).unwrap().run(&values(), &mut output).unwrap();
    // Nine digits tell every f32 from every other.
    output.iter().enumerate().map(|(i, value)| format!("{prefix}{i} {}\n", g9(*value))).collect()
}

/// A value as `%.9g` prints it.
fn g9(value: f32) -> String {
    let printed = Command::new("printf").args(["%.9g", &format!("{:.60}", f64::from(value))]).output().unwrap();
    String::from_utf8(printed.stdout).unwrap()
}

fn digits(level: Level) -> String {
    let network = "rexnet_digits".parse::<Spec>().unwrap().build().unwrap();
    let file = Path::new(ROOT).join("examples/digits/rexnet_digits.safetensors");
    let weights = Weights::load(file, &network, LoadOptions::default()).unwrap();
    expected("", &network, &weights, level)
}

/// Builds a program with a compiler and its arguments.
fn build(compiler: &str, args: &[&str], libraries: &[&PathBuf], is_static: bool, program: &str) {
    let mut command = Command::new(compiler);
    command.current_dir(ROOT).args(WARNINGS).args(["-O1", "-g"]).args(args).arg("-o").arg(program);
    libraries.iter().for_each(|folder| {
        command.arg(format!("-I{}/include", folder.display()));
    });
    for folder in libraries {
        let name = if folder.ends_with("c-tiny") { "tiny" } else { "rexnet_digits" };
        if is_static {
            command.arg(folder.join(format!("lib/lib{name}.a")));
        } else {
            command.arg(format!("-L{}/lib", folder.display())).arg(format!("-l{name}"));
            command.arg(format!("-Wl,-rpath,{}/lib", folder.display()));
        }
    }
    run(command.args(["-lgcc_s", "-lpthread", "-lm", "-ldl"]));
}

#[test]
fn exactly_the_functions_of_the_header_are_exported() {
    for (folder, name) in LIBRARIES.iter().zip(["rexnet_digits", "tiny"]) {
        let header = std::fs::read_to_string(folder.join(format!("include/{name}.h"))).unwrap();
        let functions =
            ["copy_weights", "create", "create_in", "describe", "destroy", "last_error", "level", "memory_size", "run"];
        let functions = functions.map(|function| format!("{name}_{function}"));
        assert!(functions.iter().all(|function| header.contains(&format!("{function}("))));
        let library = std::fs::read(folder.join(format!("lib/lib{name}.so"))).unwrap();
        let library = object::File::parse(&*library).unwrap();
        let mut exported: Vec<&str> =
            library.dynamic_symbols().filter(|symbol| symbol.is_definition()).map(|symbol| symbol.name().unwrap()).collect();
        exported.sort_unstable();
        assert_eq!(exported, functions);

        let archive = std::fs::read(folder.join(format!("lib/lib{name}.a"))).unwrap();
        // Behind the magic and the index, in one object.
        let begin = archive.windows(10).position(|bytes| bytes == b"network.o/").unwrap() + 60;
        let library = object::File::parse(&archive[begin..]).unwrap();
        let symbols = library.symbols().filter(|symbol| symbol.is_definition() && symbol.is_global());
        let mut exported: Vec<&str> = symbols.map(|symbol| symbol.name().unwrap()).collect();
        exported.sort_unstable();
        assert_eq!(exported, functions);
    }
}

#[test]
fn the_examples_give_the_bits_of_rust_shared_and_static_and_under_valgrind() {
    if !is_here("gcc", "the examples in C") || !is_here("g++", "the examples in C++") {
        return;
    }
    let [digits_library, tiny_library] = &*LIBRARIES;
    let both = [digits_library, tiny_library];
    let folder = Folder::new();
    let input = input(&folder);
    let network = TINY[0].parse::<Spec>().unwrap().with_classes(2).build().unwrap();
    let tiny = |level| expected("tiny ", &network, &Weights::random(&network, 0), level);
    let valgrind = is_here("valgrind", "the library for C under valgrind");
    for is_static in [false, true] {
        let program = |name: &str| folder.path(&format!("{name}-{is_static}"));
        build("gcc", &["-std=c99", "examples/c/classify.c"], &[digits_library], is_static, &program("classify"));
        build("gcc", &["-std=c99", "examples/c/embedded.c"], &[digits_library], is_static, &program("embedded"));
        build("g++", &["-std=c++17", "examples/c/two.cpp"], &both, is_static, &program("two"));
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let (digits, tiny) = (digits(level), tiny(level));
            for (name, args, answer) in [
                ("classify", &[&*input][..], digits.clone()),
                ("classify", &[&input, "2"], digits.clone()),
                ("embedded", &[&input], digits.clone()),
                ("two", &[&input], digits + &tiny),
            ] {
                let mut command = Command::new(program(name));
                assert_eq!(run(command.args(args).env("SARTOR_MAX_LEVEL", level.name())).0, answer, "{name}, {level}");
                if valgrind && level == Level::Portable {
                    let mut command = Command::new("valgrind");
                    command.args(["-q", "--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=definite,indirect"]);
                    command.arg(program(name)).args(args).env("SARTOR_MAX_LEVEL", "portable");
                    assert_eq!(run(&mut command).0, answer, "{name} under valgrind");
                }
            }
        }
    }
}

#[test]
fn careless_callers_get_an_error() {
    if !is_here("gcc", "careless callers in C") {
        return;
    }
    let folder = Folder::new();
    for is_static in [false, true] {
        let program = folder.path(&format!("errors-{is_static}"));
        build("gcc", &["-std=c11", "-pthread", "tests/c/errors.c"], &[&LIBRARIES[0]], is_static, &program);
        assert_eq!(run(&mut Command::new(&program)).0, "");
    }
}

#[test]
fn in_the_callers_memory_nothing_is_allocated() {
    if !is_here("gcc", "the caller's memory in C") {
        return;
    }
    let folder = Folder::new();
    let (input, program) = (input(&folder), folder.path("count"));
    let args = [
        "-std=c99",
        "-Wl,--wrap=rexnet_digits_create_in,--wrap=rexnet_digits_destroy",
        "examples/c/embedded.c",
        "tests/c/count.c",
    ];
    build("gcc", &args, &[&LIBRARIES[0]], true, &program);
    let (answer, said) = run(Command::new(&program).arg(&input).env_remove("SARTOR_MAX_LEVEL"));
    assert_eq!((&*answer, &*said), (&*digits(Level::best().unwrap()), "0 allocations, 1 threads\n"));
}

/// A library of another Rust crate has all of the standard library too.
#[test]
fn the_static_library_links_beside_another_of_rust() {
    if !is_here("gcc", "two static libraries of Rust in C") {
        return;
    }
    let folder = Folder::new();
    let other =
        "#[unsafe(no_mangle)]\npub extern \"C\" fn other() -> usize {\n    std::env::args().count().to_string().len()\n}\n";
    let source = folder.file("other.rs", other.as_bytes());
    let archive = folder.path("libother.a");
    run(Command::new("rustc").args(["--edition=2024", "--crate-type=staticlib", "-O", "-o", &archive, &source]));
    let main = "#include <stdio.h>\n#include \"rexnet_digits.h\"\nextern size_t other(void);\n\
                int main(void) { printf(\"%zu %s\\n\", other(), rexnet_digits_describe()->name); return 0; }\n";
    let main = folder.file("main.c", main.as_bytes());
    let [include, library] =
        [format!("-I{}/include", LIBRARIES[0].display()), format!("{}/lib/librexnet_digits.a", LIBRARIES[0].display())];
    for order in [[&library, &archive], [&archive, &library]] {
        let mut gcc = Command::new("gcc");
        gcc.args(WARNINGS).args([&include, &main]).args(order).args(["-lgcc_s", "-lpthread", "-lm", "-ldl", "-o"]);
        run(gcc.arg(folder.path("main")));
        assert_eq!(run(&mut Command::new(folder.path("main"))).0, "1 rexnet_digits\n");
    }
}

#[test]
fn pkg_config_and_cmake_find_it_wherever_it_lies() {
    let folder = Folder::new();
    let (input, moved) = (input(&folder), folder.path("moved"));
    run(Command::new("cp").arg("-r").arg(&LIBRARIES[0]).arg(&moved));
    let answer = digits(Level::best().unwrap());
    let check = |program: &str| {
        let mut command = Command::new(program);
        command.arg(&input).env("LD_LIBRARY_PATH", format!("{moved}/lib")).env_remove("SARTOR_MAX_LEVEL");
        assert_eq!(run(&mut command).0, answer, "{program}");
    };
    if is_here("pkg-config", "the library in pkg-config") && is_here("gcc", "the library in pkg-config") {
        let ask = |what: &[&str]| {
            let mut command = Command::new("pkg-config");
            let (told, _) = run(command.args(what).arg("rexnet_digits").env("PKG_CONFIG_PATH", format!("{moved}/lib/pkgconfig")));
            told.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(ask(&["--modversion"])[0].starts_with("0.1.0+"));
        let program = folder.path("by-pkg-config");
        let mut gcc = Command::new("gcc");
        gcc.current_dir(ROOT).args(WARNINGS).args(["-std=c99", "examples/c/classify.c", "-o", &program]);
        run(gcc.args(ask(&["--cflags", "--libs"])));
        check(&program);
    }
    let installed = tools().join("cmake/data/bin/cmake");
    let program = if installed.exists() { installed.to_str().unwrap() } else { "cmake" };
    if is_here(program, "the library in CMake") {
        let build = folder.path("build");
        let mut cmake = Command::new(program);
        cmake.current_dir(ROOT).args(["-S", "examples/c", "-B", &build, &format!("-DCMAKE_PREFIX_PATH={moved}")]);
        run(&mut cmake);
        run(Command::new(program).args(["--build", &build]));
        check(&format!("{build}/classify"));
        check(&format!("{build}/classify_static"));
    }
}
