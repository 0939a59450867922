//! Faults around a compile: killed processes, other compiles at the same time, damaged files, full disks. No file is ever half-written.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rand_distr::{Distribution, Uniform};
use rand_pcg::Pcg64;
use sartor::kernels::report::{figure, skipped};
use sartor::models::{Builder, Conv2d, Op, Shape, Window};
use sartor::{CompileOptions, Level, Model, Weights, compile};

/// Names the output folder, for this test binary as a process that compiles.
const OUTPUT: &str = "SARTOR_TEST_COMPILE_TO";

/// The work of a separate process: it opens a model through the cache and writes a program. It reports on stdout; the library's messages
/// go to stderr.
fn compile_to(output: &Path) {
    struct Messages;
    impl log::Log for Messages {
        fn enabled(&self, _: &log::Metadata) -> bool {
            true
        }
        fn log(&self, record: &log::Record) {
            eprintln!("{}", record.args());
        }
        fn flush(&self) {}
    }
    log::set_logger(&Messages).unwrap();
    log::set_max_level(log::LevelFilter::Info);

    let mut net = Builder::new("tiny", Shape::new(3, 8, 8)).unwrap();
    let conv = Conv2d { oc: 5, groups: 1, bias: true, window: Window::square(3, 1, 1) };
    let conv = net.add("conv", Op::Conv2d(conv), &[net.input()]).unwrap();
    let network = net.finish(&[conv]).unwrap();
    let weights = Weights::random(&network, 1);
    match Model::open(&network, &weights, Level::Portable) {
        Ok(model) => println!("opened, {}", if model.built().is_some() { "built" } else { "from the cache" }),
        Err(error) => panic!("open: {error}"),
    }
    let options = CompileOptions { levels: vec![Level::Portable], threads: 1, ..CompileOptions::default() };
    if let Err(error) = compile(&network, &weights, &options, output) {
        panic!("compile: {error}");
    }
    println!("compiled");
}

/// Not a test by itself. The other tests start it as a process and disturb it.
#[test]
fn process_under_test() {
    match std::env::var_os(OUTPUT) {
        Some(output) => compile_to(output.as_ref()),
        None => assert!(process(Path::new("cache"), Path::new("out")).get_args().count() > 0, "it is started by the others"),
    }
}

fn process(cache: &Path, output: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process_under_test", "--nocapture"]).env("SARTOR_CACHE", cache).env(OUTPUT, output);
    // What a kill leaves there is left in the place of the test.
    cache.parent().filter(|folder| folder.is_absolute()).map(|folder| command.env("TMPDIR", folder.join("tmp")));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn private_folder() -> tempfile::TempDir {
    tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o700)).tempdir().unwrap()
}

/// A folder with a cache and a place for outputs.
struct Place {
    _dir: tempfile::TempDir,
    cache: PathBuf,
    outputs: PathBuf,
    /// Where programs are built.
    tmp: PathBuf,
    program: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = private_folder();
        let [outputs, tmp] = ["outputs", "tmp"].map(|name| dir.path().join(name));
        std::fs::create_dir(&outputs).unwrap();
        DirBuilder::new().mode(0o700).create(&tmp).unwrap();
        Self { cache: dir.path().join("cache"), program: outputs.join("program"), outputs, tmp, _dir: dir }
    }

    fn process(&self) -> Command {
        process(&self.cache, &self.program)
    }

    /// Compiles without a fault. Returns stdout and stderr.
    fn compile(&self) -> (String, String) {
        finish(self.process().spawn().unwrap())
    }

    /// The cache's libraries, each named by the digest of its bytes.
    fn libraries(&self) -> Vec<PathBuf> {
        let all = files(&self.cache).into_keys().map(|file| self.cache.join(file));
        // A program that is still being built is not an entry.
        all.filter(|file| is_library(file) && !file.to_string_lossy().contains("staging")).collect()
    }
}

fn is_library(file: &Path) -> bool {
    file.extension().is_some_and(|e| e == std::env::consts::DLL_EXTENSION)
}

fn finish(child: Child) -> (String, String) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && stdout.contains("compiled"), "{stdout}\n{stderr}");
    (stdout, stderr)
}

/// Every file below a folder, and its digest.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    fn walk(folder: &Path, below: &Path, files: &mut BTreeMap<PathBuf, String>) {
        // A process that was killed this moment may still lose files.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), below.join(entry.file_name()));
            if path.is_dir() {
                walk(&path, &name, files);
            } else if let Ok(bytes) = std::fs::read(&path) {
                files.insert(name, blake3::hash(&bytes).to_hex().to_string());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(folder, Path::new(""), &mut all);
    all
}

fn assert_sound(library: &Path) {
    let digest = blake3::hash(&std::fs::read(library).unwrap()).to_hex().to_string();
    let (_, name) = library.file_stem().unwrap().to_str().unwrap().split_once('-').unwrap();
    assert_eq!(name, digest, "a corrupt entry");
}

/// Kills a process and all its children.
fn kill_group(mut child: Child) -> ExitStatus {
    let group = format!("-{}", child.id());
    // Fails if all have ended.
    let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status().unwrap();
    child.wait().unwrap()
}

#[test]
fn a_compile_killed_at_any_moment_leaves_all_or_nothing() {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    const KILLS: usize = 20;
    let place = Place::new();
    let start = Instant::now();
    assert!(place.compile().0.contains("opened, built"));
    let mut span = start.elapsed();
    let whole = files(&place.program);
    assert!(whole.len() > 10, "{whole:?}");
    let entry = place.libraries();
    assert_eq!(entry.len(), 1);

    let aside = place.cache.with_file_name("aside");
    let mut rng = Pcg64::new(4, 0);
    let (mut kills, mut absent, mut left) = (0, 0, 0);
    for attempt in 0.. {
        assert!(attempt < 10 * KILLS, "compiles end before they can be killed");
        // Every second process finds an older program in its place. That one must stay until it is replaced.
        let replaces = attempt % 2 == 1;
        if !replaces {
            std::fs::rename(&place.program, &aside).unwrap();
        }
        place.libraries().iter().for_each(|library| std::fs::remove_file(library).unwrap());
        let child = place.process().process_group(0).spawn().unwrap();
        std::thread::sleep(span.mul_f64(Uniform::new(0.0, 1.0).unwrap().sample(&mut rng)));
        if kill_group(child).signal() == Some(9) {
            kills += 1;
        } else {
            span = span.mul_f64(0.9);
        }
        place.libraries().iter().for_each(|library| assert_sound(library));
        if replaces || place.program.exists() {
            assert_eq!(files(&place.program), whole, "the output after kill {kills}");
            let _ = std::fs::remove_dir_all(&aside);
        } else {
            absent += 1;
            std::fs::rename(&aside, &place.program).unwrap();
        }
        left += std::fs::read_dir(&place.outputs).unwrap().count() - 1 + std::fs::read_dir(&place.tmp).unwrap().count();
        if kills == KILLS {
            break;
        }
    }
    figure("kills of a compile", &format!("{kills}, all or nothing each time; the new program was not there yet after {absent}"));
    assert!(left > 0, "no kill hit a compile at work");

    // The next process removes what they left behind, once it is old enough.
    for folder in [&place.outputs, &place.tmp, entry[0].parent().unwrap()] {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let old = SystemTime::now() - Duration::from_secs(3600);
            std::fs::File::open(entry.path()).unwrap().set_modified(old).unwrap();
        }
    }
    place.libraries().iter().for_each(|library| std::fs::remove_file(library).unwrap());
    let (_, stderr) = place.compile();
    assert!(!stderr.contains("damaged") && !stderr.contains("waiting"), "{stderr}");
    assert_eq!(files(&place.program), whole);
    assert_eq!(std::fs::read_dir(&place.outputs).unwrap().count(), 1, "nothing but the program is left");
    assert_eq!(files(&place.cache).len(), 2, "nothing but a library and its lock is left");
    assert_eq!(std::fs::read_dir(&place.tmp).unwrap().count(), 0, "nothing is left of what was built");
}

#[test]
fn two_compiles_at_once_both_succeed_and_one_builds() {
    let place = Place::new();
    let both = [place.process().spawn().unwrap(), place.process().spawn().unwrap()];
    let said = both.map(|child| finish(child).0);
    assert_eq!(said.iter().filter(|said| said.contains("opened, built")).count(), 1, "{said:?}");
    assert_eq!(place.libraries().len(), 1);
    assert_sound(&place.libraries()[0]);
    let first = files(&place.program);
    place.compile();
    assert_eq!(files(&place.program), first, "two at once write what one writes");
    assert_eq!(std::fs::read_dir(&place.outputs).unwrap().count(), 1, "nothing but the program is left");

    // A process that finds the lock taken says so, waits, and uses the other's result.
    let library = place.libraries().pop().unwrap();
    let aside = place.cache.join("aside");
    std::fs::rename(&library, &aside).unwrap();
    let lock = std::fs::File::open(library.with_file_name("lock")).unwrap();
    lock.lock().unwrap();
    let mut waiting = place.process().spawn().unwrap();
    let mut stderr = BufReader::new(waiting.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it did not say that it waits");
    }
    std::fs::rename(&aside, &library).unwrap();
    drop(lock);
    stderr.read_to_string(&mut line).unwrap();
    assert!(finish(waiting).0.contains("from the cache"));
}

#[test]
fn a_damaged_entry_is_reported_and_built_again() {
    let place = Place::new();
    assert!(place.compile().0.contains("opened, built"));
    let library = place.libraries().pop().unwrap();
    let sound = std::fs::read(&library).unwrap();
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    for damaged in [&flipped[..], &sound[..sound.len() / 2]] {
        std::fs::write(&library, damaged).unwrap();
        let (stdout, stderr) = place.compile();
        assert!(stdout.contains("opened, built"), "{stdout}");
        assert_eq!(stderr.matches("is damaged").count(), 1, "{stderr}");
        assert!(stderr.contains(library.to_str().unwrap()), "{stderr}");
        assert_sound(&place.libraries()[0]);
    }
    let (stdout, stderr) = place.compile();
    assert!(stdout.contains("from the cache") && !stderr.contains("damaged"), "{stdout}\n{stderr}");
}

/// Runs the process under test in a shell, after the commands `before`; the cache's folder is `$1`. Returns the exit status, stdout with the names of
/// the files that are in the cache then at its end, and stderr.
fn in_shell(place: &Place, shell: &[&str], before: &str) -> (ExitStatus, String, String) {
    let script =
        format!("{before}\n\"$0\" --exact process_under_test --nocapture; status=$?; find \"$1\" -type f -size +0; exit $status");
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["-c", &script]).arg(std::env::current_exe().unwrap()).arg(&place.cache);
    command.env("SARTOR_CACHE", &place.cache).env("TMPDIR", &place.tmp).env(OUTPUT, &place.program);
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status, text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_entry() {
    let place = Place::new();
    let [cache, tmp] = [&place.cache, &place.tmp].map(|path| path.to_str().unwrap());
    // Limits on a file's size stop the first file we write, and a library.
    let mut cases = vec![
        (vec!["sh"], "trap '' XFSZ; ulimit -f 0".to_string(), ["File too large", tmp]),
        (vec!["sh"], "trap '' XFSZ; ulimit -f 200".to_string(), ["rustc could not build", "tiny"]),
    ];
    DirBuilder::new().mode(0o700).create(&place.cache).unwrap();
    // A disk of its own is full when the library is kept, after the first files, or while rustc builds.
    let unshare = vec!["unshare", "-rm", "sh"];
    let mount = |at: &str, size: &str| format!("mount -t tmpfs -o size={size} none '{at}' || exit 77");
    if Command::new("unshare").args(["-rm", "sh", "-c", "mount -t tmpfs none /mnt"]).output().is_ok_and(|o| o.status.success()) {
        cases.push((unshare.clone(), mount(cache, "16k"), ["No space left on device", cache]));
        cases.push((unshare.clone(), mount(tmp, "16k"), ["No space left on device", tmp]));
        cases.push((unshare, mount(tmp, "256k"), ["the disk may be full", tmp]));
    } else {
        skipped(
            "a full disk below the cache and below temporary files",
            "mounting one is not allowed here; a limit on files was tested",
        );
    }
    for (shell, before, reasons) in cases {
        let (status, stdout, stderr) = in_shell(&place, &shell, &before);
        assert!(!status.success() && status.code() != Some(77), "{before}: {stdout}\n{stderr}");
        assert!(stderr.contains("open: ") && reasons.iter().all(|reason| stderr.contains(reason)), "{before}: {stderr}");
        assert!(!stdout.contains(cache), "{before}: files are left in the cache: {stdout}");
    }
    assert!(place.compile().0.contains("opened, built"), "with room again, all is well");
}

#[test]
fn the_command_line_prints_the_warning() {
    let dir = private_folder();
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sartor"));
        command.args(["run", "rexnet_digits", "--image", "examples/digit-7.png", "--level", "portable"]);
        // Nothing is built: this is about what is said before.
        command.env("RUSTC", "false").env("SARTOR_CACHE", dir.path()).env_remove("SARTOR_MAX_LEVEL");
        command.current_dir(env!("CARGO_MANIFEST_DIR")).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let said = |child: Child| String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(said(run()).starts_with("error: "));
    let entry = std::fs::read_dir(dir.path().join("programs")).unwrap().next().unwrap().unwrap().path();
    let damaged = entry.join("0").with_extension(std::env::consts::DLL_EXTENSION);
    std::fs::write(&damaged, b"0").unwrap();
    let text = said(run());
    assert!(text.starts_with(&format!("warning: {} is damaged", damaged.display())), "{text}");
}
