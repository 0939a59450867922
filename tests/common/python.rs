//! Wheels, and environments of Python that have them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sartor::kernels::report::skipped;

use super::{Folder, sartor, tools};

/// The wheel that `sartor compile` makes of these arguments, where it finds zig if that is there.
pub fn wheel(folder: &str, args: &[&str]) -> PathBuf {
    let mut command = sartor();
    command.env("PYTHONPATH", tools()).arg("compile").args(args).args(["--kind", "wheel", "-o", folder]).assert().success();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wheels: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|extension| extension == "whl")).collect();
    assert_eq!(wheels.len(), 1);
    wheels[0].clone()
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    output
}

/// Python with the tools and a module of theirs; `None` where it is not there, which is reported.
pub fn tool(module: &str, what: &str) -> Option<Command> {
    let ask = || {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", tools()).args(["-m", module]);
        python
    };
    let works = |argument: &str| ask().arg(argument).output().is_ok_and(|output| output.status.success());
    if !works("--version") && !works("version") {
        skipped(what, &format!("no {module} (scripts/setup-tools.sh installs it)"));
        return None;
    }
    Some(ask())
}

/// A fresh environment with these wheels alone; `None` where there is no Python, which is reported.
pub fn environment(folder: &Folder, wheels: &[&PathBuf], what: &str) -> Option<PathBuf> {
    let place = folder.path("venv");
    if !Command::new("python3").args(["-m", "venv", &place]).output().is_ok_and(|output| output.status.success()) {
        skipped(what, "no python3 with venv (apt-get install python3-venv)");
        return None;
    }
    let python = Path::new(&place).join("bin/python");
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "-q", "--no-index", "--no-deps"]).args(wheels);
    run(pip.env("PIP_DISABLE_PIP_VERSION_CHECK", "1"));
    Some(python)
}

/// Installs packages into an environment. Whether it worked.
pub fn has(python: &Path, packages: &[&str], what: &str) -> bool {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "-q"]).args(packages);
    let found = pip.output().is_ok_and(|output| output.status.success());
    if !found {
        skipped(what, &format!("pip cannot install {}", packages.join(" and ")));
    }
    found
}
