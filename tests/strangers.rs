//! Things on the machine that are not Sartor's: other users' files, settings for other builds, files that appear during a compile, pipes and
//! links. Sartor neither executes nor waits for nor destroys any of them.
#![cfg(unix)]

mod common;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use predicates::prelude::*;
use sartor::kernels::report::skipped;

/// A network that is built in seconds.
const TINY: [&str; 3] = ["mobilenet_v1_x0.05@32x32", "--classes", "2"];

const VICTIM: u32 = 54321;
const ATTACKER: u32 = 54322;

fn sartor(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sartor"));
    command.args(args).env("SARTOR_CACHE", common::cache()).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn run_tiny() -> Command {
    let mut command = sartor(&["run"]);
    command.args(TINY).args(["--level", "portable", "--image", common::PICTURE]);
    command
}

fn compile_tiny(to: impl AsRef<OsStr>) -> Command {
    let mut command = sartor(&["compile"]);
    command.args(TINY).args(["--levels", "portable", "-o"]).arg(to);
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    output
}

/// The command must fail with an error that contains all of `parts`.
fn fails(command: &mut Command, parts: &[&str]) -> String {
    let output = command.output().unwrap();
    let text = said(&output);
    assert!(output.status.code() == Some(1) && parts.iter().all(|part| text.contains(part)), "{command:?}: {text}");
    text
}

fn folder(mode: u32) -> tempfile::TempDir {
    tempfile::Builder::new().permissions(PermissionsExt::from_mode(mode)).tempdir().unwrap()
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    chmod(path, 0o755);
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// The one library in a cache.
fn library(cache: &Path) -> PathBuf {
    let entries: Vec<_> = fs::read_dir(cache.join("programs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    let mut files = fs::read_dir(&entries[0]).unwrap().map(|entry| entry.unwrap().path());
    files.find(|file| file.extension().is_some_and(|e| e == std::env::consts::DLL_EXTENSION)).unwrap()
}

/// A library that leaves a trace when it is loaded. It is planted in place of the tiny network's.
struct Planted {
    dir: tempfile::TempDir,
    /// Its path in a cache.
    place: PathBuf,
    library: PathBuf,
    /// Made when it is loaded.
    marker: PathBuf,
    precious: PathBuf,
}

impl Planted {
    fn new() -> Self {
        let dir = folder(0o755);
        let [cache, source, library, precious, open] =
            ["cache", "evil.rs", "evil.so", "precious", "open"].map(|name| dir.path().join(name));
        let marker = open.join("loaded");
        fs::create_dir(&open).unwrap();
        chmod(&open, 0o1777);
        fs::write(&precious, "mine").unwrap();
        chmod(&precious, 0o666);
        let text = format!(
            "extern \"C\" fn act() {{ let _ = std::fs::write({marker:?}, \"\"); }}\n\
             #[used]\n#[cfg_attr(target_vendor = \"apple\", link_section = \"__DATA,__mod_init_func\")]\n\
             #[cfg_attr(not(target_vendor = \"apple\"), link_section = \".init_array\")]\nstatic ACT: extern \"C\" fn() = act;\n"
        );
        fs::write(&source, text).unwrap();
        succeeds(Command::new("rustc").args(["--crate-type", "cdylib", "-o"]).arg(&library).arg(&source));
        succeeds(run_tiny().env("SARTOR_CACHE", &cache));
        let real = self::library(&cache);
        let digest = blake3::hash(&fs::read(&library).unwrap()).to_hex();
        let version = real.file_name().unwrap().to_str().unwrap().split_once('-').unwrap().0.to_owned();
        let name = format!("{version}-{digest}{}", std::env::consts::DLL_SUFFIX);
        let place = real.strip_prefix(&cache).unwrap().with_file_name(name);
        fs::remove_dir_all(&cache).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_sartor"), dir.path().join("sartor")).unwrap();
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(common::PICTURE), dir.path().join("picture.png")).unwrap();
        Self { place, library, marker, precious, dir }
    }

    /// Puts it into a cache, with a lock that is a link.
    fn plant(&self, cache: &Path) {
        let place = cache.join(&self.place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(&self.library, &place).unwrap();
        symlink(&self.precious, place.with_file_name("lock")).unwrap();
    }

    /// The same, and all of it belongs to `owner`.
    fn plant_as(&self, cache: &Path, owner: u32) {
        self.plant(cache);
        let mut path = cache.join(&self.place);
        lchown(path.with_file_name("lock"), Some(owner), Some(owner)).unwrap();
        while path.starts_with(cache) {
            lchown(&path, Some(owner), Some(owner)).unwrap();
            path.pop();
        }
    }

    /// Runs the network as a user who has no entry among the system's users, no home, and none of root's tools.
    fn run_as_victim(&self, name: &str, value: &Path) -> Output {
        let mut command = Command::new(self.dir.path().join("sartor"));
        command.arg("run").args(TINY).args(["--level", "portable", "--image", "picture.png"]).current_dir(self.dir.path());
        command.uid(VICTIM).gid(VICTIM).env_clear().env(name, value).output().unwrap()
    }

    fn assert_harmless(&self, what: &str, output: &Output) {
        assert!(!self.marker.exists(), "{what}: loaded: {}", said(output));
        assert_eq!(fs::read_to_string(&self.precious).unwrap(), "mine", "{what}: a link was followed");
    }
}

#[test]
fn what_another_user_planted_is_not_loaded() {
    if fs::metadata("/proc/self").map_or(1, |this| this.uid()) != 0 {
        return skipped("libraries that another user planted", "only root can make files of other users");
    }
    let planted = Planted::new();
    let world = planted.dir.path().join("tmp");
    fs::create_dir(&world).unwrap();
    chmod(&world, 0o1777);
    planted.plant_as(&world.join("sartor"), ATTACKER);

    // Without a home, temporary files were the place.
    let output = planted.run_as_victim("TMPDIR", &world);
    planted.assert_harmless("TMPDIR", &output);
    assert!(said(&output).contains("no folder for the cache") && said(&output).contains("SARTOR_CACHE"), "{}", said(&output));
    let output = planted.run_as_victim("XDG_CACHE_HOME", &world);
    planted.assert_harmless("XDG_CACHE_HOME", &output);
    let output = planted.run_as_victim("SARTOR_CACHE", &world.join("sartor"));
    planted.assert_harmless("SARTOR_CACHE", &output);
    let belongs = format!("belongs to user {ATTACKER}");
    assert!(said(&output).contains(&belongs) && said(&output).contains("SARTOR_CACHE"), "{}", said(&output));

    // Within a cache of the victim's own: the programs, an entry, a file.
    for depth in 0..3 {
        let cache = world.join(depth.to_string());
        planted.plant_as(&cache, VICTIM);
        let theirs = planted.place.ancestors().nth(depth).unwrap();
        lchown(cache.join(theirs), Some(ATTACKER), Some(ATTACKER)).unwrap();
        let output = planted.run_as_victim("SARTOR_CACHE", &cache);
        planted.assert_harmless(theirs.to_str().unwrap(), &output);
    }

    // What the victim itself has there is loaded: the test would notice.
    planted.plant_as(&world.join("own"), VICTIM);
    let output = planted.run_as_victim("SARTOR_CACHE", &world.join("own"));
    assert!(planted.marker.exists(), "{}", said(&output));
}

#[test]
fn a_cache_that_others_can_write_to_is_refused_or_left_alone() {
    let planted = Planted::new();
    let cache = planted.dir.path().join("usual/sartor");
    planted.plant(&cache);
    chmod(&cache, 0o777);
    let text = fails(run_tiny().env("SARTOR_CACHE", &cache), &["error: cannot use the cache", "chmod go-w", "SARTOR_CACHE"]);
    assert!(text.contains(cache.to_str().unwrap()), "{text}");
    // The usual one is only a help: the program is built and not kept.
    let mut command = run_tiny();
    command.env_remove("SARTOR_CACHE").env("XDG_CACHE_HOME", cache.parent().unwrap()).env("TMPDIR", planted.dir.path());
    let before = fs::read_dir(planted.dir.path()).unwrap().count();
    let output = succeeds(&mut command);
    planted.assert_harmless("a cache of mode 777", &output);
    assert!(said(&output).contains("compiled, but not kept") && said(&output).contains("chmod go-w"), "{}", said(&output));
    assert_eq!(fs::read_dir(planted.dir.path()).unwrap().count(), before, "what was built once is gone");
    fails(command.env("TMPDIR", &cache), &["cannot make a private folder in", "chmod go-w", "set TMPDIR"]);

    chmod(&cache, 0o700);
    fs::remove_file(cache.join(&planted.place).with_file_name("lock")).unwrap();
    let output = run_tiny().env("SARTOR_CACHE", &cache).output().unwrap();
    assert!(planted.marker.exists(), "the test would notice: {}", said(&output));
}

/// Settings that would change a build, of Cargo and rustup, in files around `dir` and in the environment.
fn with_settings(command: &mut Command, dir: &Path, marker: &Path) {
    let wrapper = dir.join("wrapper");
    script(&wrapper, &format!("touch '{}'; exec \"$@\"", marker.display()));
    let config = format!(
        "[build]\nrustc-wrapper = {wrapper:?}\ntarget = \"wasm32-unknown-unknown\"\nrustflags = [\"-Copt-level=0\"]\n\
         [profile.release]\nopt-level = 0\ndebug-assertions = true\n[env]\nRUSTC_BOOTSTRAP = \"1\"\n"
    );
    for place in [dir.join(".cargo"), dir.join("home")] {
        fs::create_dir(&place).unwrap();
        fs::write(place.join("config.toml"), &config).unwrap();
    }
    fs::create_dir_all(dir.join("toolchain/bin")).unwrap();
    script(&dir.join("toolchain/bin/rustc"), &format!("touch '{}'; exit 1", marker.display()));
    fs::write(dir.join("rust-toolchain.toml"), "[toolchain]\npath = \"toolchain\"\n").unwrap();
    fs::write(dir.join("Cargo.toml"), "[workspace]\nmembers = [\"*\"]\n").unwrap();
    command.env("CARGO_HOME", dir.join("home")).env("TMPDIR", dir).env_remove("RUSTUP_TOOLCHAIN").current_dir(dir);
    for name in ["RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        command.env(name, "-Copt-level=0");
    }
    for name in ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER", "CARGO"] {
        command.env(name, &wrapper);
    }
    command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0").env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    command.env("CARGO_BUILD_TARGET", "wasm32-unknown-unknown").env("RUSTC_BOOTSTRAP", "1");
}

#[test]
fn settings_for_other_builds_change_nothing() {
    let dir = folder(0o700);
    let marker = dir.path().join("marker");
    let bytes_of = |command: &mut Command| {
        let report: serde_json::Value = serde_json::from_slice(&succeeds(command.arg("--json")).stdout).unwrap();
        fs::read(report["artifact"].as_str().unwrap()).unwrap()
    };
    // Which would be over the files that name a toolchain.
    let clean = bytes_of(compile_tiny(dir.path().join("clean")).env_remove("RUSTUP_TOOLCHAIN"));
    let mut run = run_tiny();
    run.env_remove("RUSTUP_TOOLCHAIN");
    succeeds(run.env("SARTOR_CACHE", dir.path().join("clean-cache")));

    let place = dir.path().join("place");
    fs::create_dir(&place).unwrap();
    let mut command = compile_tiny(place.join("out"));
    with_settings(&mut command, &place, &marker);
    assert!(bytes_of(&mut command) == clean, "settings changed the program");
    // The cache that settings poisoned: the name of a library is the digest of its bytes, and of the version of rustc.
    let mut run = run_tiny();
    run.env_remove("RUSTUP_TOOLCHAIN").envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    succeeds(run.env("SARTOR_CACHE", place.join("cache")));
    let name = |cache: PathBuf| library(&cache).file_name().unwrap().to_owned();
    assert_eq!(name(place.join("cache")), name(dir.path().join("clean-cache")));
    assert!(!marker.exists(), "a program that settings name was run");
}

#[test]
fn another_rustc_builds_anew_and_none_takes_what_is_there() {
    let dir = folder(0o700);
    let cache = dir.path().join("cache");
    let rustc = dir.path().join("rustc");
    script(&rustc, "[ \"$1\" != -vV ] || { rustc -vV; echo patched; exit; }\nexec rustc \"$@\"");
    let run = |rustc: &Path| said(&succeeds(run_tiny().env("RUSTC", rustc).env("SARTOR_CACHE", &cache)));
    assert!(run("rustc".as_ref()).contains("compiled in"));
    assert!(run(&rustc).contains("compiled in"), "another version");
    assert!(run(&rustc).contains("compiled before") && run("rustc".as_ref()).contains("compiled before"));
    assert!(run(&dir.path().join("missing")).contains("compiled before"), "without rustc");
    fails(
        run_tiny().env("RUSTC", dir.path().join("missing")).env("SARTOR_CACHE", dir.path().join("empty")),
        &["cannot start", "missing", "https://rustup.rs"],
    );
}

#[test]
fn a_file_that_comes_while_compiling_stays() {
    let dir = folder(0o700);
    let (out, rustc) = (dir.path().join("out"), dir.path().join("rustc"));
    let thesis = out.join("thesis.tex");
    // The file appears long after the folder was checked.
    script(&rustc, &format!("mkdir -p '{0}'; echo mine > '{0}/thesis.tex'; exec rustc \"$@\"", out.display()));
    fails(compile_tiny(&out).env("RUSTC", &rustc), &["exists and was not written by sartor", out.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&thesis).unwrap(), "mine\n");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1, "and nothing else");

    fs::remove_dir_all(&out).unwrap();
    succeeds(&mut compile_tiny(&out));
    succeeds(&mut compile_tiny(&out));
    fails(compile_tiny(&out).env("RUSTC", &rustc), &["thesis.tex was added or changed", out.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&thesis).unwrap(), "mine\n");
    fails(&mut compile_tiny(&out), &["thesis.tex was added or changed"]);
    fs::remove_file(&thesis).unwrap();

    // A file that Sartor wrote and somebody changed is left alone.
    let source = out.join("src/main.rs");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.clone() + "// mine\n").unwrap();
    fails(&mut compile_tiny(&out), &["src/main.rs was added or changed"]);
    assert!(fs::read_to_string(&source).unwrap().ends_with("// mine\n"));
    fs::write(&source, text).unwrap();
    succeeds(&mut compile_tiny(&out));
    let names: Vec<OsString> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "nothing is left: {names:?}");
}

#[test]
fn an_output_that_cannot_be_is_reported_as_the_system_does() {
    let dir = folder(0o755);
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    fails(&mut compile_tiny(&file), &["exists and was not written by sartor"]);
    fails(&mut compile_tiny(file.join("out")), &["file/out: Not a directory"]);
    fails(&mut compile_tiny(dir.path().join("o".repeat(300))), &["oooo: File name too long"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    if fs::metadata("/proc/self").map_or(1, |this| this.uid()) != 0 {
        return skipped("an output folder of another user's", "only root can become another user");
    }
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    chmod(&closed, 0o700);
    fs::copy(env!("CARGO_BIN_EXE_sartor"), dir.path().join("sartor")).unwrap();
    let mut command = Command::new(dir.path().join("sartor"));
    command.arg("compile").args(TINY).arg("-o").arg(closed.join("out")).current_dir(dir.path());
    fails(command.uid(VICTIM).gid(VICTIM).env_clear(), &["closed/out: Permission denied"]);
}

#[test]
fn paths_that_are_no_text_are_taken_and_shown() {
    let dir = folder(0o700);
    let odd = |name: &[u8]| dir.path().join(OsString::from_vec(name.to_vec()));
    let shown = |output: Output, key: &str| {
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report[key].as_str().unwrap_or_default().contains("bad\u{fffd}")
    };
    let out = odd(b"bad\xff");
    assert!(shown(succeeds(compile_tiny(&out).arg("--json")), "artifact") && out.join("sartor.json").exists());
    succeeds(&mut compile_tiny(&out));
    let onnx = odd(b"bad\xff.onnx");
    assert!(shown(succeeds(sartor(&["export"]).args(TINY).arg("--json").arg("-o").arg(&onnx)), "file") && onnx.exists());
    // Neither stops a linker.
    let cache = odd(b"cache:with\xffall");
    succeeds(run_tiny().env("SARTOR_CACHE", &cache));
    assert!(library(&cache).exists());
    let tmp = odd(b"tmp\xff");
    fs::create_dir(&tmp).unwrap();
    fails(compile_tiny(dir.path().join("out")).env("TMPDIR", &tmp), &["cannot make a private folder", "not UTF-8", "TMPDIR"]);
}

#[test]
fn pipes_are_not_waited_for() {
    let dir = folder(0o700);
    let cache = dir.path().join("cache");
    succeeds(run_tiny().env("SARTOR_CACHE", &cache));
    let built = library(&cache);
    fs::remove_file(&built).unwrap();
    let lock = built.with_file_name("lock");
    fs::remove_file(&lock).unwrap();
    for place in [&built, &lock, &cache.join("tuning.json"), &built.with_file_name(".sartor-staging-x")] {
        mkfifo(place);
    }
    mkfifo(&dir.path().join(".sartor-staging-x"));
    let timed = |command: &Command| {
        let mut timed = assert_cmd::Command::from_std(Command::new(command.get_program()));
        timed.args(command.get_args()).current_dir(env!("CARGO_MANIFEST_DIR")).timeout(Duration::from_secs(120));
        timed.env("SARTOR_CACHE", &cache).env("TMPDIR", dir.path());
        timed.assert().success()
    };
    timed(&run_tiny()).stderr(predicates::str::contains("tuning.json").and(predicates::str::contains("is not a regular file")));
    assert!(built.metadata().unwrap().is_file() && lock.metadata().unwrap().is_file());
    timed(sartor(&["export"]).args(TINY).arg("-o").arg(dir.path().join("x.onnx")));
    timed(&compile_tiny(dir.path().join("out")));
}

#[test]
#[cfg(target_os = "linux")]
fn a_cache_from_which_nothing_may_run_is_said() {
    let dir = folder(0o700);
    let mount = Command::new("unshare").args(["-rm", "sh", "-c", "mount -t tmpfs none /mnt"]).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        return skipped("a cache that is mounted noexec", "mounting is not allowed here");
    }
    let run = run_tiny();
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs none \"$SARTOR_CACHE\" && \"$@\" && mount -o remount,noexec \"$SARTOR_CACHE\" && ! \"$@\" >&2";
    command.args(["-rm", "sh", "-c", script, "sh"]).arg(run.get_program()).args(run.get_args());
    command.env("SARTOR_CACHE", dir.path()).current_dir(env!("CARGO_MANIFEST_DIR"));
    let text = said(&succeeds(&mut command));
    let parts = ["failed to map segment", "mounted noexec", "set SARTOR_CACHE"];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}
