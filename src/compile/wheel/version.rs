//! Versions, as Python's packages write them.

/// Cargo's version in Python's form (PEP 440).
///
/// # Errors
/// If it is before a release in a way that Python's packages do not know.
pub fn python_version(version: &str) -> Result<String, &'static str> {
    let (release, local) = version.split_once('+').unwrap_or((version, ""));
    let (release, before) = release.split_once('-').unwrap_or((release, ""));
    let mut text = release.to_owned();
    if !before.is_empty() {
        let (word, number) = before.split_once('.').unwrap_or((before, "0"));
        let word = match word {
            "alpha" | "a" => "a",
            "beta" | "b" => "b",
            "rc" => "rc",
            "dev" => ".dev",
            _ => "",
        };
        if word.is_empty() || number.is_empty() || !number.bytes().all(|c| c.is_ascii_digit()) {
            return Err("after the three numbers, write -alpha.N, -beta.N, -rc.N or -dev.N");
        }
        text += &format!("{word}{number}");
    }
    if !local.is_empty() {
        text += &format!("+{}", local.replace('-', ".").to_ascii_lowercase());
    }
    // Empty parts between points are Python's to refuse, and so are ours.
    if text.split(['.', '+']).any(str::is_empty) { Err("write no empty part between points") } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_pythons() {
        for (cargo, python) in [
            ("1.2.3", "1.2.3"),
            ("0.1.0+09af", "0.1.0+09af"),
            ("1.0.0-rc.1+Build-7", "1.0.0rc1+build.7"),
            ("1.0.0-alpha", "1.0.0a0"),
            ("1.0.0-dev.3", "1.0.0.dev3"),
        ] {
            assert_eq!(python_version(cargo).as_deref(), Ok(python));
        }
        for cargo in ["1.0.0-nightly", "1.0.0-rc.x", "1.0.0-rc.1.2", "1.0.0+a--b"] {
            assert!(python_version(cargo).is_err(), "{cargo}");
        }
    }
}
