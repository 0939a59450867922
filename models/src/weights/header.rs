//! Finds names that a safetensors header has twice. Parsers accept this, and most take the last one.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A key that some object in the header has twice.
pub fn duplicate(header: &[u8]) -> Option<String> {
    let mut twice = None;
    // An error means that a key was found, or that the header has something which the safetensors crate accepts and this does not.
    let _ = Keys(&mut twice).deserialize(&mut serde_json::Deserializer::from_slice(header));
    twice
}

/// Reads any value, and keeps only the first key that an object has twice.
struct Keys<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for Keys<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(Keys(self.0))?;
            if let Some(key) = seen.replace(key) {
                *self.0 = Some(key);
                return Err(A::Error::custom("a key is there twice"));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Keys(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::duplicate;

    #[test]
    fn keys_are_compared_as_they_are_read_and_object_by_object() {
        let twice = |header: &str| duplicate(header.as_bytes());
        assert_eq!(twice(r#"{"a":{"shape":[1],"b":2.5},"c":{"shape":[-1],"b":null,"d":true},"b":"a"}"#), None);
        assert_eq!(twice(r#"{"a":1,"b":2,"a":3}"#).as_deref(), Some("a"));
        assert_eq!(twice(r#"{"a":1,"\u0061":3}"#).as_deref(), Some("a"));
        assert_eq!(twice(r#"{"__metadata__":{"x":"1","x":"2"}}"#).as_deref(), Some("x"));
        assert_eq!(twice(r#"{"a":[{"x":"1","x":"2"}]}"#).as_deref(), Some("x"));
        assert_eq!(twice(&"[".repeat(1 << 20)), None);
    }
}
