//! The text that is generated, kept for review: a kernel of each family at each level, and all of a small crate.
//!
//! `INSTA_UPDATE=always cargo test --release -p sartor-codegen --test snapshots` accepts what is generated now, the crate in
//! `golden/` included; review it with `git diff`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sartor_codegen::compile::{Generated, Kind, Package, generate, generate_for};
use sartor_codegen::schedule::Options;
use sartor_kernels::runtime::Level;
use sartor_models::{
    Activation, Arithmetic, Builder, Conv2d, GraphError, Network, NodeId, Op, Reduction, Shape, Weights, Window,
};

const POINTWISE: Conv2d = Conv2d { oc: 5, groups: 1, bias: false, window: Window::POINT };
const DIRECT: Conv2d = Conv2d { window: Window::square(3, 1, 1), ..POINTWISE };
const DEPTHWISE: Conv2d = Conv2d { groups: 5, ..DIRECT };
const HALVE: Window = Window::square(3, 2, 1);
const BN: Op = Op::BatchNorm { eps: 1e-5 };

/// A convolution of 3 channels to 5 on 4x4 pixels, then what `body` adds to it.
fn network(name: &str, body: impl FnOnce(&mut Builder, NodeId) -> Result<NodeId, GraphError>) -> Network {
    let mut net = Builder::new(name, Shape::new(3, 4, 4)).unwrap();
    let stem = net.add("stem", Op::Conv2d(Conv2d { window: HALVE, ..DIRECT }), &[net.input()]).unwrap();
    let last = body(&mut net, stem).unwrap();
    net.finish(&[last]).unwrap()
}

/// The smallest network with a kernel of each family.
fn families() -> Vec<Network> {
    let one = |family: &str, op: Op| network(family, |net, stem| net.add("op", op, &[stem]));
    vec![
        one("direct", Op::Conv2d(DIRECT)),
        one("depthwise", Op::Conv2d(DEPTHWISE)),
        one("maxpool", Op::MaxPool(HALVE)),
        one("avgpool", Op::avg_pool(HALVE)),
        one("mean", Op::Reduce(Reduction::Mean)),
        network("softmax", |net, stem| {
            let shares = net.add("op", Op::Softmax { log: false }, &[stem])?;
            net.add("act", Op::Activation(Activation::Relu), &[shares])
        }),
        network("logsoftmax", |net, stem| {
            let shares = net.add("op", Op::Softmax { log: true }, &[stem])?;
            net.add("act", Op::Activation(Activation::Relu), &[shares])
        }),
        network("move", |net, stem| {
            let turned = net.add("op", Op::Transpose([1, 2, 0]), &[stem])?;
            net.add("act", Op::Activation(Activation::Relu), &[turned])
        }),
        network("pointwise", |net, stem| {
            let conv = net.add("op", Op::Conv2d(POINTWISE), &[stem])?;
            let act = net.add("act", Op::Activation(Activation::Relu6), &[conv])?;
            net.add("shortcut", Op::Add, &[act, stem])
        }),
        network("activation", |net, stem| {
            let act = net.add("op", Op::Activation(Activation::Silu), &[stem])?;
            net.add("other", Op::Concat, &[stem, act])
        }),
        network("add", |net, stem| {
            let pool = net.add("pool", Op::MaxPool(HALVE), &[stem])?;
            let other = net.add("other", Op::avg_pool(HALVE), &[stem])?;
            net.add("op", Op::Add, &[pool, other])
        }),
        network("scale", |net, stem| {
            let mean = net.add("mean", Op::Reduce(Reduction::Mean), &[stem])?;
            let gate = net.add("gate", Op::Activation(Activation::Sigmoid), &[mean])?;
            net.add("op", Op::Binary(Arithmetic::Mul), &[stem, gate])
        }),
    ]
}

fn crate_of(network: &Network, kind: Kind) -> Generated {
    generate(network, &Weights::random(network, 1), &Level::ALL, 1, kind).unwrap()
}

fn text<'a>(generated: &'a Generated, path: &str) -> &'a str {
    let (_, bytes) = generated.files.iter().find(|(found, _)| found == Path::new(path)).unwrap();
    std::str::from_utf8(bytes).unwrap()
}

/// A kernel's function with its documentation.
fn function<'a>(file: &'a str, name: &str) -> &'a str {
    let mut items = file.split("\n\n").filter(|item| item.contains(&format!("unsafe extern \"C\" fn {name}(")));
    items.next().unwrap_or_else(|| panic!("no function {name}"))
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

#[test]
fn a_kernel_of_every_family_at_every_level() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut taken = BTreeSet::new();
    for network in families() {
        let generated = crate_of(&network, Kind::Lib);
        for plan in &generated.plans {
            let level = plan.level;
            let names: Vec<&str> = plan.kernels.iter().map(|kernel| &*kernel.name).collect();
            let kernel = names.iter().rfind(|name| name.starts_with(&network.name));
            let kernel = kernel.unwrap_or_else(|| panic!("no {} kernel at {level}: {names:?}", network.name));
            let name = format!("{}_{level}", network.name);
            let source = function(text(&generated, &format!("src/{level}.rs")), kernel);
            settings.bind(|| insta::assert_snapshot!(name.clone(), source));
            taken.insert(format!("{name}.snap"));
        }
    }
    let kept = std::fs::read_dir(tests().join("snapshots")).unwrap();
    let kept = kept.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let kept: BTreeSet<String> = kept.filter(|name| !name.ends_with(".new")).collect();
    assert_eq!(kept, taken, "the snapshots are those that are taken");
}

/// A convolution with its batch norm and activation, and a classifier.
fn golden() -> Network {
    network("golden", |net, stem| {
        let norm = net.add("stem.bn", BN, &[stem])?;
        let act = net.add("stem.act", Op::Activation(Activation::Silu), &[norm])?;
        let mean = net.add("pool", Op::Reduce(Reduction::Mean), &[act])?;
        net.add("fc", Op::Linear { out: 4, bias: true }, &[mean])
    })
}

/// The files of a folder, relative to it.
fn files(folder: &Path, below: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder.join(below)).into_iter().flatten() {
        let path = below.join(entry.unwrap().file_name());
        if folder.join(&path).is_dir() {
            files(folder, &path, found);
        } else {
            found.insert(path);
        }
    }
}

/// What is vendored is left out of `golden/`: it is as it is in this project.
#[test]
fn a_whole_crate() {
    let folder = tests().join("golden");
    let network = golden();
    // The usual version has a digest of all files, the runtime's too.
    let package = Package { version: Some("0.1.0".into()), ..Kind::Bin.into() };
    let options = Level::ALL.map(Options::new);
    let mut generated = generate_for(&network, &Weights::random(&network, 1), &options, 1, &package).unwrap().files;
    let copied = |path: &Path| ["src/runtime", "src/files", "rustfmt.toml"].iter().any(|vendored| path.starts_with(vendored));
    generated.retain(|(path, _)| !copied(path));
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        let _ = std::fs::remove_dir_all(&folder);
        for (path, bytes) in &generated {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
    let mut kept = BTreeSet::new();
    files(&folder, Path::new(""), &mut kept);
    assert_eq!(kept, generated.iter().map(|(path, _)| path.clone()).collect(), "the files of the golden crate");
    let changed = generated.iter().filter(|(path, bytes)| std::fs::read(folder.join(path)).unwrap() != *bytes);
    let changed: Vec<String> = changed.map(|(path, _)| path.display().to_string()).collect();
    assert!(changed.is_empty(), "generated otherwise: {}; accept it as the head of this file says", changed.join(", "));
}
