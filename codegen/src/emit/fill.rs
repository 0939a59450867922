//! Fills the places of a template.

/// The template with the value of `key` for each `@key@`, in one pass: what looks like a place in a value stays as it is.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let (mut text, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('@') {
        text += before;
        let value = values.iter().find_map(|(key, value)| Some((value, after.strip_prefix(key)?.strip_prefix('@')?)));
        rest = match value {
            Some((value, after)) => {
                text += value;
                after
            }
            None => {
                text.push('@');
                after
            }
        };
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_once() {
        let values = [("a", "@b@"), ("b", "1"), ("ab", "2")];
        assert_eq!(fill("@a@ @b@@ab@ @c@ a@b.c @a", &values), "@b@ 12 @c@ a@b.c @a");
    }
}
