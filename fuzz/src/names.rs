//! Names of networks and nodes. Any names either give a crate or an error of one line. The crate's text parses, and its tokens are those of
//! the same network with plain names, apart from comments and strings.

use std::sync::LazyLock;

use proc_macro2::{TokenStream, TokenTree};
use sartor_codegen::compile::{Generated, Kind, generate};
use sartor_codegen::lab::LayerLine;
use sartor_kernels::runtime::Level;
use sartor_models::{Activation, Builder, Conv2d, GraphError, Network, Op, Reduction, Shape, Weights, Window, escape};

/// Names of the network and its nodes: of a convolution, its activation, a pooling and a classifier.
type Names<'a> = [&'a str; 5];

const PLAIN: Names<'static> = ["plain", "a", "b", "c", "d"];

static EXPECTED: LazyLock<Vec<(String, String)>> = LazyLock::new(|| code(&crate_of(&network(PLAIN).unwrap())));

/// Reads the bytes as five names, separated by the byte 255. Returns whether they gave a crate.
pub fn judge(data: &[u8]) -> bool {
    let mut names = data.split(|&byte| byte == 255).map(String::from_utf8_lossy);
    let names: [String; 5] = std::array::from_fn(|_| names.next().unwrap_or_default().into_owned());
    let names = names.each_ref().map(String::as_str);
    check_escapes(names);
    let network = match network(names) {
        Ok(network) => network,
        Err(error) => {
            let error = error.to_string();
            assert!(one_line(&error) && error.len() < 8 * escape::LONGEST, "{error}");
            return false;
        }
    };
    let generated = crate_of(&network);
    let found = code(&generated);
    assert_eq!(found.len(), EXPECTED.len());
    for ((path, found), (expected_path, expected)) in found.iter().zip(EXPECTED.iter()) {
        assert_eq!((path, found), (expected_path, expected), "{names:?}");
    }
    check_manifest(&generated);
    for row in generated.plans[0].report() {
        let line: LayerLine = row.problem.parse().unwrap();
        assert_eq!(line.name, row.name, "{}", row.problem);
    }
    true
}

fn network(names: Names<'_>) -> Result<Network, GraphError> {
    let [network, conv, act, pool, fc] = names;
    let mut builder = Builder::new(network, Shape::new(3, 4, 4))?;
    let window = Conv2d { oc: 5, groups: 1, bias: true, window: Window::square(3, 2, 1) };
    let conv = builder.add(conv, Op::Conv2d(window), &[builder.input()])?;
    let act = builder.add(act, Op::Activation(Activation::Silu), &[conv])?;
    let pool = builder.add(pool, Op::Reduce(Reduction::Mean), &[act])?;
    let fc = builder.add(fc, Op::Linear { out: 4, bias: true }, &[pool])?;
    builder.finish(&[act, fc])
}

fn crate_of(network: &Network) -> Generated {
    // The weights depend on the names, but the code does not depend on the weights.
    generate(network, &Weights::random(network, 0), &[Level::Portable], 1, Kind::Bin).unwrap()
}

/// The tokens of each Rust file. All strings count as the same token, and comments do not count.
fn code(generated: &Generated) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for (path, bytes) in &generated.files {
        let path = path.to_str().unwrap();
        if path.ends_with(".rs") && !path.starts_with("src/runtime") {
            let text = std::str::from_utf8(bytes).unwrap();
            assert!(text.lines().all(one_line), "{path}");
            syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}\n{text}"));
            let mut printed = Vec::new();
            print(text.parse().unwrap(), &mut printed);
            files.push((path.to_owned(), printed.join(" ")));
        }
    }
    files
}

fn print(tokens: TokenStream, printed: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.to_string() == text);
    let is_doc = |at: usize| tokens.get(at).is_some_and(|token| token.to_string().starts_with("[doc ="));
    let mut at = 0;
    while at < tokens.len() {
        // Comments of documentation are read as `#[doc = ".."]` and `#![doc = ".."]`.
        let comment = if !is(at, "#") {
            0
        } else if is_doc(at + 1) {
            2
        } else if is(at + 1, "!") && is_doc(at + 2) {
            3
        } else {
            0
        };
        // `use NAME as network;`, which a crate of that name does without.
        let import = if is(at, "use") && is(at + 2, "as") && is(at + 3, "network") { 5 } else { 0 };
        if comment + import > 0 {
            at += comment + import;
            continue;
        }
        match &tokens[at] {
            TokenTree::Group(group) => {
                printed.push(format!("{:?}", group.delimiter()));
                print(group.stream(), printed);
                // A list that is broken into lines ends in a comma.
                printed.pop_if(|last| last == ",");
                printed.push("END".into());
            }
            TokenTree::Literal(literal) if literal.to_string().starts_with('"') => printed.push("STRING".into()),
            token => printed.push(token.to_string()),
        }
        at += 1;
    }
}

fn check_manifest(generated: &Generated) {
    let text = std::str::from_utf8(&generated.files[0].1).unwrap();
    let manifest: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let keys = |table: &toml::Table| table.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&manifest), ["package", "profile", "workspace"]);
    let package = manifest["package"].as_table().unwrap();
    assert_eq!(keys(package), ["description", "edition", "name", "publish", "rust-version", "version"]);
    let name = package["name"].as_str().unwrap();
    assert!(!name.is_empty() && name.len() <= 64 && syn::parse_str::<syn::Ident>(name).is_ok(), "{name}");
    assert!(one_line(package["description"].as_str().unwrap()));
    assert!(
        manifest["profile"]["release"].as_table().unwrap().len() == 3 && manifest["workspace"].as_table().unwrap().is_empty()
    );
}

fn check_escapes(names: Names<'_>) {
    for name in names {
        let word = escape::word(name).to_string();
        assert_eq!(escape::from_word(&word).as_deref(), Some(name));
        assert!(one_line(&word) && !word.contains([' ', '`']) && one_line(&escape::line(name).to_string()));
        assert_eq!(syn::parse_str::<syn::LitStr>(&escape::rust_string(name)).unwrap().value(), name);
        assert!(escape::terminal(name).lines().all(|line| line.split('\t').all(one_line)));
        let json = serde_json::to_string(name).unwrap();
        let shown = escape::json(&json);
        assert!(one_line(&shown) && serde_json::from_str::<String>(&shown).unwrap() == name);
    }
}

/// Whether nothing in a text moves the cursor, or turns the direction of what is around it.
fn one_line(text: &str) -> bool {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !text.chars().any(|c| c.is_control() || turns(c))
}
