//! The header of an `.npy` file: a Python dictionary of three entries.

/// Most dimensions that an array of NumPy's can have.
const MAX_DIMENSIONS: usize = 64;

/// What the values of an array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elements {
    /// Little-endian f32.
    F32,
    /// Bytes.
    U8,
}

impl Elements {
    /// NumPy's name.
    fn descr(self) -> &'static str {
        match self {
            Elements::F32 => "<f4",
            Elements::U8 => "|u1",
        }
    }
}

/// The shape of an array in C order and what its values are, one of `taken`; what is wrong with any other header.
pub fn parse(header: &str, taken: &[Elements]) -> Result<(Vec<usize>, Elements), String> {
    let mut rest = Rest(header);
    let (mut descr, mut order, mut shape) = (None, None, None);
    rest.expect("{")?;
    while !rest.take("}") {
        let key = rest.string()?;
        rest.expect(":")?;
        let repeated = match key {
            "descr" if rest.take("[") => {
                return Err("the values are records, not '<f4': save one field's array.astype('<f4')".into());
            }
            "descr" => descr.replace(rest.value()).is_some(),
            "fortran_order" => order.replace(rest.value()).is_some(),
            "shape" => shape.replace(rest.tuple()?).is_some(),
            _ => return Err(format!("the header has an entry '{}' that .npy files do not have", shown(key))),
        };
        if repeated {
            return Err(format!("the header has '{key}' twice"));
        }
        if !rest.take(",") {
            rest.expect("}")?;
            break;
        }
    }
    if !rest.0.trim().is_empty() {
        return Err(format!("the header goes on after its end: '{}'", shown(rest.0)));
    }
    let missing = |name: &str| format!("the header has no '{name}'");
    let descr = descr.ok_or_else(|| missing("descr"))?;
    let is = |elements: &Elements| ["'", "\""].iter().any(|quote| descr == format!("{quote}{}{quote}", elements.descr()));
    let Some(elements) = [Elements::F32, Elements::U8].into_iter().find(is).filter(|elements| taken.contains(elements)) else {
        let names: Vec<String> = taken.iter().map(|elements| format!("'{}'", elements.descr())).collect();
        let (first, names) = (taken.first().map_or("", |first| first.descr()), names.join(" or "));
        return Err(format!("the values are {}, not {names}: save array.astype('{first}')", shown(descr)));
    };
    match order.ok_or_else(|| missing("fortran_order"))? {
        "False" => shape.map(|shape| (shape, elements)).ok_or_else(|| missing("shape")),
        "True" => Err("the array is in Fortran order: save numpy.ascontiguousarray(array)".into()),
        other => Err(format!("'fortran_order' is {}, not False", shown(other))),
    }
}

/// A part of the header as errors show it: short, and escaped, so that it does not command a terminal.
fn shown(part: &str) -> String {
    let mut shown = String::new();
    for c in part.trim().chars().take(40) {
        match c {
            '\'' | '"' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn take(&mut self, token: &str) -> bool {
        let after = self.0.trim_start().strip_prefix(token);
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("the header has no '{token}' before '{}'", shown(self.0))) }
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quoted = self.value();
        let inner = ["'", "\""].iter().find_map(|quote| quoted.strip_prefix(quote)?.strip_suffix(quote));
        inner
            .filter(|inner| !inner.contains(['\'', '"', '\\']))
            .ok_or_else(|| format!("the header has {} for a name", shown(quoted)))
    }

    /// A value as it is written: to the next comma, colon or brace.
    fn value(&mut self) -> &'a str {
        let (value, rest) = self.0.split_at(self.0.find([',', ':', '}']).unwrap_or(self.0.len()));
        self.0 = rest;
        value.trim()
    }

    /// A tuple of sizes: `()`, `(3,)`, `(2, 3)`, `(2, 3,)`.
    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        let no_tuple = |rest: &str| format!("the shape is not a tuple: {}", shown(rest));
        let start = self.0;
        let inner = self.0.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let (inner, rest) = inner.ok_or_else(|| no_tuple(start))?;
        self.0 = rest;
        if inner.trim().is_empty() {
            return Ok(Vec::new());
        }
        let mut dims: Vec<&str> = inner.split(',').map(str::trim).collect();
        match dims.last() {
            Some(&"") => drop(dims.pop()),
            // Python's `(3)` is a number.
            _ if dims.len() == 1 => return Err(no_tuple(start)),
            _ => {}
        }
        if dims.len() > MAX_DIMENSIONS {
            return Err(format!("the shape has {} dimensions: arrays have {MAX_DIMENSIONS} at most", dims.len()));
        }
        let size = |dim: &str| {
            let digits = dim.bytes().all(|byte| byte.is_ascii_digit()) && (dim == "0" || !dim.starts_with('0'));
            if digits { dim.parse().ok() } else { None }.ok_or_else(|| format!("'{}' in the shape is not a size", shown(dim)))
        };
        dims.into_iter().map(size).collect()
    }
}
