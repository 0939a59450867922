//! The files of a wheel.

use std::path::PathBuf;

use sartor_models::escape;
use sha2::{Digest, Sha256};

use super::version::python_version;
use super::zip::zip;
use crate::compile::error::CompileError;

/// What a wheel says of itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::compile) struct About<'a> {
    /// The package's name, which is the module's.
    pub name: &'a str,
    /// Its version, as Cargo has it.
    pub version: &'a str,
    /// What it is, for people.
    pub description: &'a str,
    /// The systems that it is for.
    pub tag: &'a str,
}

/// The wheel of a module: its file's name, and the file. The same files give the same bytes.
///
/// # Errors
/// If Python's packages cannot have the version.
pub(in crate::compile) fn write(mut files: Vec<(String, Vec<u8>)>, about: &About) -> Result<(PathBuf, Vec<u8>), CompileError> {
    let About { name, tag, .. } = about;
    let version = python_version(about.version).map_err(|rule| CompileError::Version { version: about.version.into(), rule })?;
    let info = format!("{name}-{version}.dist-info");
    // A line: what would end it is escaped.
    let summary = escape::line(about.description);
    let metadata =
        format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {summary}\nRequires-Python: >=3.8\n");
    let wheel = format!(
        "Wheel-Version: 1.0\nGenerator: sartor {}\nRoot-Is-Purelib: false\nTag: py3-none-{tag}\n",
        env!("CARGO_PKG_VERSION")
    );
    files.push((format!("{info}/METADATA"), metadata.into_bytes()));
    files.push((format!("{info}/WHEEL"), wheel.into_bytes()));
    files.sort();
    let record = format!("{info}/RECORD");
    let mut list: String =
        files.iter().map(|(path, bytes)| format!("{path},sha256={},{}\n", base64(&Sha256::digest(bytes)), bytes.len())).collect();
    list += &format!("{record},,\n");
    files.push((record, list.into_bytes()));
    Ok((format!("{name}-{version}-py3-none-{tag}.whl").into(), zip(&files)))
}

/// Base 64 in the alphabet of addresses, without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().enumerate().fold(0, |bits, (i, &byte)| bits | u32::from(byte) << (16 - 8 * i));
        let digits = (0..=group.len()).map(|i| char::from(DIGITS[(bits >> (18 - 6 * i) & 63) as usize]));
        text.extend(digits);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn the_order_of_the_files_changes_no_byte() {
        let about = About { name: "net", version: "0.1.0+ab", description: "a\nb", tag: "manylinux_2_17_x86_64" };
        let files = [("net/b".to_string(), b"1".to_vec()), ("net/a".into(), b"2".to_vec())];
        let (name, bytes) = write(files.to_vec(), &about).unwrap();
        assert_eq!(name.to_str(), Some("net-0.1.0+ab-py3-none-manylinux_2_17_x86_64.whl"));
        assert_eq!(write(files.iter().rev().cloned().collect(), &about).unwrap().1, bytes);
    }
}
