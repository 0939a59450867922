//! `.npy` files. Reading gives what an independent reader of the format gives. Writing that and reading it again gives the same.

use serde_json::Value;

/// Reads the bytes as an `.npy` file. Returns whether they were one.
pub fn judge(data: &[u8]) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.npy");
    std::fs::write(&path, data).unwrap();
    let found = sartor::data::npy::read(&path).ok();
    let expected = oracle(data);
    let bits = |array: &Option<(Vec<usize>, Vec<f32>)>| {
        array.as_ref().map(|(shape, values)| (shape.clone(), values.iter().map(|x| x.to_bits()).collect::<Vec<_>>()))
    };
    assert_eq!(bits(&found), bits(&expected));
    let Some((shape, values)) = &found else { return false };
    sartor::data::npy::write(&path, shape, values).unwrap();
    assert_eq!(bits(&sartor::data::npy::read(&path).ok()), bits(&found));
    true
}

/// The independent reader. It turns the header, a Python dictionary, into JSON.
fn oracle(data: &[u8]) -> Option<(Vec<usize>, Vec<f32>)> {
    let rest = data.strip_prefix(b"\x93NUMPY")?;
    let (&[major, minor], rest) = rest.split_first_chunk::<2>()?;
    if !(1..=3).contains(&major) || minor != 0 {
        return None;
    }
    let (len, rest) = if major == 1 {
        let (len, rest) = rest.split_first_chunk::<2>()?;
        (usize::from(u16::from_le_bytes(*len)), rest)
    } else {
        let (len, rest) = rest.split_first_chunk::<4>()?;
        (u32::from_le_bytes(*len) as usize, rest)
    };
    if len > 1 << 16 {
        return None;
    }
    let header = std::str::from_utf8(rest.get(..len)?).ok()?;
    let values = &rest[len..];
    let Value::Object(entries) = serde_json::from_str(&json(header)?).ok()? else { return None };
    let dims = entries.get("shape")?.as_array()?.iter().map(|dim| Some(usize::try_from(dim.as_u64()?).ok()?));
    let shape: Vec<usize> = dims.collect::<Option<_>>()?;
    let bytes = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?.checked_mul(4)?;
    let known =
        shape.len() <= 64 && entries.len() == 3 && entries.get("descr")? == "<f4" && entries.get("fortran_order")? == false;
    let whole = known && bytes == values.len();
    whole.then(|| (shape, values.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()))
}

/// A Python dictionary of strings, booleans and tuples as JSON. Tokens are separated by single spaces first.
fn json(header: &str) -> Option<String> {
    let mut spaced = String::new();
    let mut quote = None;
    for c in header.chars() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                spaced.push('"');
            }
            (Some(open), c) if c == open => {
                quote = None;
                spaced.push('"');
            }
            // Nothing that must be escaped in either language is in a name or a type.
            (Some(_), '\'' | '"' | '\\' | '\0'..' ' | '\u{7f}'..) => return None,
            (Some(_), c) => spaced.push(c),
            (None, '{' | '}' | '(' | ')' | ',' | ':') => spaced.extend([' ', c, ' ']),
            (None, '[' | ']') => return None,
            (None, c) => spaced.push(c),
        }
    }
    let text = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    // JSON has neither trailing commas nor a tuple of one; Python has no lone comma, takes `(3)` for a number, and writes `False`.
    let one = text
        .split("( ")
        .skip(1)
        .any(|rest| rest.split(" )").next().is_some_and(|inner| !inner.contains(',') && !inner.starts_with(')')));
    let names = ["\"descr\" :", "\"fortran_order\" :", "\"shape\" :"];
    let foreign = text.split(' ').any(|word| ["false", "true", "null"].contains(&word));
    if one || foreign || text.contains("( ,") || text.contains("{ ,") || names.iter().any(|name| text.matches(name).count() != 1)
    {
        return None;
    }
    let text = text.replace(", }", "}").replace(", )", ")");
    Some(text.replace('(', "[").replace(')', "]").replace("False", "false").replace("True", "true"))
}
