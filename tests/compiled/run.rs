//! Builds generated crates and runs what they make, each under its tool.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a program runs under.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(dead_code)]
pub enum Tool {
    /// Nothing.
    Native,
    /// qemu as this CPU, with the compiler of scripts/setup-aarch64.sh.
    Qemu(&'static str),
    /// AddressSanitizer, of a nightly toolchain.
    Asan,
    /// valgrind's memcheck.
    Valgrind,
}

/// The triple of this machine; sanitizers need it said.
const HOST: &str = env!("SARTOR_TARGET");

impl Tool {
    pub fn name(self) -> &'static str {
        match self {
            Tool::Native => "native",
            Tool::Qemu(_) => "qemu",
            Tool::Asan => "asan",
            Tool::Valgrind => "valgrind",
        }
    }

    /// Why it cannot be used here.
    pub fn missing(self) -> Option<&'static str> {
        let works = |program: &str, args: &[&str]| clean(program).args(args).output().is_ok_and(|output| output.status.success());
        match self {
            Tool::Native => None,
            Tool::Qemu(_) => (!aarch64_environment().exists()).then_some("scripts/setup-aarch64.sh has not been run"),
            Tool::Asan => (!works("rustup", &["run", "nightly", "cargo", "--version"]))
                .then_some("no nightly toolchain (rustup toolchain install nightly)"),
            Tool::Valgrind => (!works("valgrind", &["--version"])).then_some("no valgrind (apt-get install valgrind)"),
        }
    }

    /// `cargo build --release`, and the folder where its results are, below `target`.
    fn cargo(self) -> (Command, &'static str) {
        let (mut command, folder) = match self {
            Tool::Native | Tool::Valgrind => (clean(env!("CARGO")), "release"),
            Tool::Qemu(_) => (in_aarch64_environment("exec cargo \"$@\""), "aarch64-unknown-linux-gnu/release"),
            Tool::Asan => {
                let mut command = clean("rustup");
                command.args(["run", "nightly", "cargo"]).env("RUSTFLAGS", "-Zsanitizer=address");
                (command, concat!(env!("SARTOR_TARGET"), "/release"))
            }
        };
        command.args(["build", "--release", "--offline", "--target-dir", "target"]);
        match self {
            Tool::Native | Tool::Valgrind => {}
            Tool::Qemu(_) => drop(command.args(["--target", "aarch64-unknown-linux-gnu"])),
            Tool::Asan => drop(command.args(["--target", HOST])),
        }
        (command, folder)
    }
}

/// Without what `cargo test` and the user set for another build.
fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    sartor::without_settings(&mut command).env_remove("RUSTUP_TOOLCHAIN");
    command
}

fn aarch64_environment() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/setup-aarch64.sh");
    let output = Command::new(script).arg("--env").output().expect("setup-aarch64.sh");
    String::from_utf8(output.stdout).unwrap().trim().into()
}

fn in_aarch64_environment(script: &str) -> Command {
    let mut command = clean("bash");
    let environment = aarch64_environment();
    command.args(["-c", &format!(". {}; {script}", environment.display()), "bash"]);
    command
}

/// Writes a crate. Files that are there already are left as they are, so that Cargo has nothing to do.
pub fn write_files(files: &[(PathBuf, Vec<u8>)], dir: &Path) {
    for (path, bytes) in files {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if std::fs::read(&path).ok().as_ref() != Some(bytes) {
            std::fs::write(path, bytes).unwrap();
        }
    }
}

/// A program that can be run.
#[derive(Debug)]
pub struct Runner {
    tool: Tool,
    pub program: PathBuf,
    /// The crate's folder.
    pub dir: PathBuf,
}

impl Runner {
    /// Builds the crate in `dir`.
    pub fn build(tool: Tool, dir: &Path) -> Self {
        let (mut command, folder) = tool.cargo();
        let output = command.current_dir(dir).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
        let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).unwrap();
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = ")).expect("a name").trim_matches('"');
        Self { tool, program: dir.join("target").join(folder).join(name), dir: dir.into() }
    }

    /// Runs it.
    pub fn run(&self, args: &[&str]) -> Output {
        let mut command = match self.tool {
            Tool::Native | Tool::Asan => clean(self.program.to_str().unwrap()),
            Tool::Qemu(cpu) => {
                let mut command = in_aarch64_environment("exec \"$CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER\" \"$@\"");
                command.arg(&self.program).env("QEMU_CPU", cpu);
                command
            }
            Tool::Valgrind => {
                let mut command = clean("valgrind");
                command.args(["-q", "--error-exitcode=99", "--leak-check=full"]).arg(&self.program);
                command
            }
        };
        command.args(args).current_dir(&self.dir).env_remove("SARTOR_MAX_LEVEL");
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// For people.
    pub fn name(&self) -> String {
        match self.tool {
            Tool::Native => "on this CPU".into(),
            Tool::Qemu(cpu) => format!("under qemu as {cpu}"),
            Tool::Asan => "under AddressSanitizer".into(),
            Tool::Valgrind => "under valgrind".into(),
        }
    }
}
