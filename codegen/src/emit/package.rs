//! The name and the manifest of the generated crate.

use std::path::PathBuf;

use sartor_models::Network;
use sartor_models::escape::line;
use sartor_models::input::InputForm;
use toml_writer::ToTomlValue;

use super::foreign::{self, among};
use super::inputs::{Input, InputsError};
use super::kind::Kind;
use super::pictures::Pictures;

/// What a crate says besides the network: what Cargo is told, and what its users are.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// What is built.
    pub kind: Kind,
    /// The crate's name, which must be valid for Cargo. With [`None`], it is made of the network's name.
    pub name: Option<String>,
    /// The crate's version. With [`None`], it is 0.1.0, followed by `+` and a digest of the crate, so that Cargo takes two crates
    /// of one name for different ones.
    pub version: Option<String>,
    /// The crate's description.
    pub description: Option<String>,
    /// Whether a library is a workspace of its own, with the profile that Sartor would build it with. A program and a dynamic
    /// library always are.
    pub standalone: bool,
    /// How pictures become the input, if that is known.
    pub pictures: Option<Pictures>,
    /// The form in which the network takes its input, for the crate to say.
    pub input: InputForm,
    /// The inputs, one after another in the network's only one. None stand for that one itself.
    pub inputs: Vec<Input>,
}

impl From<Kind> for Package {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            name: None,
            version: None,
            description: None,
            standalone: false,
            pictures: None,
            input: InputForm::default(),
            inputs: Vec::new(),
        }
    }
}

/// A name or a version that Cargo would not take, or inputs that are not the network's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// The name.
    #[error("'{}' is not a valid crate name: {rule}", line(.name))]
    Name {
        /// The name.
        name: String,
        /// What it must be.
        rule: &'static str,
    },
    /// The version.
    #[error("'{}' is not a valid crate version: {reason}; write three numbers, such as 0.1.0", line(.version))]
    Version {
        /// The version.
        version: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The inputs.
    #[error(transparent)]
    Inputs(#[from] InputsError),
}

/// Length of the longest name that the registry takes.
const LONGEST: usize = 64;

/// Words that have a meaning in Rust, in any edition.
const KEYWORDS: &str = "_ Self abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if \
                        impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true try type \
                        typeof unsafe unsized use virtual where while yield";
/// The names of Rust's own crates.
const CRATES: &str = "alloc core proc_macro std test";
/// Folders that Cargo makes beside what it builds, whose names it refuses.
const FOLDERS: &str = "build deps examples incremental";
/// Names of devices in Windows.
const DEVICES: &str = "aux com1 com2 com3 com4 com5 com6 com7 com8 com9 con lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9 nul prn";

impl Package {
    /// Checks the name and the version that the user gave.
    pub fn check(&self) -> Result<(), PackageError> {
        if let Some(name) = &self.name {
            check_name_for(name, self.kind).map_err(|rule| PackageError::Name { name: name.clone(), rule })?;
        }
        if let Some(version) = &self.version {
            let fault = |reason: semver::Error| PackageError::Version { version: version.clone(), reason: reason.to_string() };
            semver::Version::parse(version).map_err(fault)?;
        }
        Ok(())
    }

    /// The inputs, one after another in the network's only one.
    pub fn inputs(&self, network: &Network) -> Vec<Input> {
        if self.inputs.is_empty() { vec![Input::only(network)] } else { self.inputs.clone() }
    }

    /// The crate's name.
    pub(super) fn name(&self, network: &str) -> String {
        self.name.clone().unwrap_or_else(|| name_of(network, self.kind))
    }

    /// The crate's version; `digest` is that of its files.
    pub(super) fn version(&self, digest: &str) -> String {
        self.version.clone().unwrap_or_else(|| format!("0.1.0+{digest}"))
    }

    /// The manifest of a crate whose other files have this digest.
    pub(super) fn manifest(&self, network: &str, digest: &str) -> String {
        let version = self.version(digest);
        let description = self.description.clone().unwrap_or_else(|| format!("{}, compiled by Sartor", line(network)));
        let entries = [("name", self.name(network)), ("version", version), ("description", description)];
        let mut text = "[package]\n".to_string();
        for (key, value) in entries {
            text += &format!("{key} = {}\n", value.to_toml_value());
        }
        text += "edition = \"2024\"\nrust-version = \"1.89\"\npublish = false\n";
        match self.kind {
            Kind::Bin | Kind::Lib => {}
            Kind::Dylib | Kind::Wheel => text += "\n[lib]\ncrate-type = [\"cdylib\"]\n",
            Kind::C => text += "\n[lib]\ncrate-type = [\"cdylib\", \"staticlib\"]\n",
        }
        if self.standalone || self.kind != Kind::Lib {
            text += "\n[profile.release]\nopt-level = 3\ncodegen-units = 1\nstrip = true\n";
            text += if self.kind.has_c() { "panic = \"abort\"\n" } else { "" };
            text += "\n# This crate is its own workspace, wherever it lies.\n[workspace]\n";
        }
        text
    }
}

/// A crate's name as an identifier in Rust.
pub(super) fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

/// Makes the name of a crate of a network's name.
fn name_of(network: &str, kind: Kind) -> String {
    let words = network.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let cut = |words: Vec<&str>| {
        words.join("_").to_ascii_lowercase().chars().take(LONGEST).collect::<String>().trim_end_matches('_').into()
    };
    let name: String = cut(words.clone().collect());
    if check_name_for(&name, kind).is_ok() { name } else { cut(std::iter::once("network").chain(words).collect()) }
}

/// The attribute at the top of a crate with this name, if Rust would warn of the name.
pub(super) fn allowance(name: &str) -> Option<&'static str> {
    let name = identifier(name);
    let inner = name.trim_matches('_');
    let snake = !inner.contains("__") && !inner.contains(|c: char| c.is_ascii_uppercase());
    (!snake).then_some("#![allow(non_snake_case)]")
}

/// Checks the rules of Cargo and of the languages that a library of this kind is for.
fn check_name_for(name: &str, kind: Kind) -> Result<(), &'static str> {
    check_name(name)?;
    foreign::check(&identifier(name), kind)
}

/// Checks Cargo's rules for names, including those of `cargo new` and of the registry.
fn check_name(name: &str) -> Result<(), &'static str> {
    let identifier = identifier(name);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        Err("begin with a letter or _")
    } else if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        Err("use letters, digits, - and _ only")
    } else if name.len() > LONGEST {
        Err("use at most 64 characters")
    } else if is_keyword(&identifier) {
        Err("this word is Rust's; choose another")
    } else if among(CRATES, &identifier) {
        Err("Rust has a crate of this name; choose another")
    } else if among(FOLDERS, &identifier) {
        Err("Cargo has a folder of this name; choose another")
    } else if among(DEVICES, &identifier.to_ascii_lowercase()) {
        Err("Windows has a device of this name; choose another")
    } else {
        Ok(())
    }
}

/// Whether a word has a meaning in Rust, in any edition, so that it names nothing.
pub fn is_keyword(word: &str) -> bool {
    among(KEYWORDS, word)
}

/// A digest of files.
pub(super) fn digest(files: &[(PathBuf, Vec<u8>)]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (path, bytes) in files {
        for part in [path.as_os_str().as_encoded_bytes(), bytes] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
    }
    hasher.finalize().to_hex()[..16].into()
}

#[cfg(test)]
mod tests {
    use sartor_models::escape;

    use super::*;

    #[test]
    fn names_are_held_to_cargos_rules() {
        for name in ["cats", "cats-and-dogs", "Cats2", "_cats", "network", "runtime", "NETWORK", "a".repeat(64).as_str()] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let refused = [
            ("", "begin with"),
            ("9net", "begin with"),
            ("-a", "begin with"),
            ("naïve", "letters, digits"),
            ("a b", "letters, digits"),
            ("a\"\n[lib]", "letters, digits"),
            ("loop", "Rust's"),
            ("self", "Rust's"),
            ("_", "Rust's"),
            ("std", "crate of this name"),
            ("proc-macro", "crate of this name"),
            ("test", "crate of this name"),
            ("deps", "folder"),
            ("Con", "device"),
            (&"a".repeat(65), "at most 64"),
        ];
        for (name, rule) in refused {
            let package = Package { name: Some(name.into()), ..Kind::Lib.into() };
            let error = package.check().unwrap_err().to_string();
            assert!(error.contains(rule) && error.contains(&format!("'{name}'").replace('\n', "\\n")), "{error}");
        }
    }

    #[test]
    fn versions_are_cargos() {
        let check = |version: &str| Package { version: Some(version.into()), ..Kind::Lib.into() }.check();
        assert_eq!(check("1.2.3-rc.1+digest"), Ok(()));
        for version in ["", "1", "1.2", "01.2.3", "1.2.3\n", "\"1.2.3"] {
            assert!(check(version).unwrap_err().to_string().contains("is not a valid crate version"), "{version:?}");
        }
    }

    #[test]
    fn every_network_has_a_name_that_cargo_takes() {
        let cases = [
            ("mobilenet_v2_x1.0@64x64", "mobilenet_v2_x1_0_64x64"),
            ("9net", "network_9net"),
            ("loop", "network_loop"),
            ("_", "network"),
            ("con", "network_con"),
            ("Build", "network_build"),
            ("犬", "network"),
            ("../../evil", "evil"),
        ];
        for (network, name) in cases {
            assert_eq!(name_of(network, Kind::Lib), name);
            assert_eq!(check_name(name), Ok(()));
        }
        assert_eq!(name_of(&"x".repeat(escape::LONGEST), Kind::Lib).len(), LONGEST);
        assert_eq!([Kind::Lib, Kind::C, Kind::Wheel].map(|kind| name_of("json", kind)), ["json", "json", "network_json"]);
    }
}
