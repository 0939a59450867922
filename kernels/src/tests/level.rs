//! Levels: their names, their order, and the variable that caps them.

use super::*;

fn up_to(cap: &str) -> Result<Vec<Level>, UnknownLevel> {
    Level::up_to(Some(OsStr::new(cap)))
}

#[test]
fn names_are_parsed_as_they_are_printed() {
    for level in Level::ALL {
        assert_eq!(level.to_string().parse(), Ok(level));
    }
    assert_eq!(format!("{:>8}|", Level::Avx2), "    avx2|");
}

#[test]
fn other_names_are_errors_that_list_the_levels() {
    for name in ["", "AVX2", "avx", "avx512 ", "sse"] {
        let error = name.parse::<Level>().unwrap_err();
        assert_eq!(error, UnknownLevel(name.into()));
        for level in Level::ALL {
            assert!(error.to_string().contains(level.name()), "{error}");
        }
    }
}

#[test]
fn the_cap_keeps_the_levels_below_it() {
    let all = Level::up_to(None).unwrap();
    assert_eq!(all.first(), Some(&Level::Portable));
    assert!(all.is_sorted());
    assert_eq!(up_to("").unwrap(), all);
    for cap in Level::ALL {
        let expected: Vec<Level> = all.iter().copied().filter(|&level| level <= cap).collect();
        assert_eq!(up_to(cap.name()).unwrap(), expected, "cap {cap}");
    }
    assert_eq!(up_to("portable").unwrap(), [Level::Portable]);
}

#[test]
fn a_wrong_cap_names_the_variable() {
    let error = up_to("fast").unwrap_err();
    assert!(error.to_string().contains("SARTOR_MAX_LEVEL=fast"), "{error}");
}

#[test]
#[cfg(unix)]
fn a_cap_that_is_no_unicode_is_an_error() {
    use std::os::unix::ffi::OsStrExt;
    assert!(Level::up_to(Some(OsStr::from_bytes(b"\xff"))).is_err());
}

#[test]
fn a_level_of_another_architecture_is_not_available() {
    assert!(Level::Portable.is_available());
    assert!(!(Level::Neon.is_available() && Level::Avx2.is_available()));
}
