//! Fields of a message: optional, repeated, map.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed as _, Deserializer, Error, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::reader::ValueSeed;
use super::{AwsJson, Reader, list};

/// A field of a structure, in the type that prost gives it.
pub(crate) trait Field: Sized {
    /// Whether the member is left out of the JSON.
    fn is_unset(&self) -> bool;

    /// Writes the member's value.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads the member's value, which may be null.
    fn read<'de, D: Deserializer<'de>>(deserializer: D, reader: &mut Reader) -> Result<Self, D::Error>;
}

impl<T: AwsJson> Field for Option<T> {
    fn is_unset(&self) -> bool {
        self.is_none()
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // serde's implementation for Option is not used: its `serialize_some` loses the path of an error.
            Some(value) => value.write(serializer),
            None => serializer.serialize_none(),
        }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, reader: &mut Reader) -> Result<Self, D::Error> {
        ValueSeed::new(reader).deserialize(deserializer)
    }
}

impl<T: AwsJson> Field for Vec<T> {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        list::write(self, serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, reader: &mut Reader) -> Result<Self, D::Error> {
        deserializer.deserialize_option(CollectionVisitor(reader, PhantomData))
    }
}

impl<T: AwsJson> Field for BTreeMap<String, T> {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        list::write_map(self, serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, reader: &mut Reader) -> Result<Self, D::Error> {
        deserializer.deserialize_option(CollectionVisitor(reader, PhantomData))
    }
}

/// A list or a map that is not null.
trait Collection: Default {
    fn read<'de, D: Deserializer<'de>>(deserializer: D, reader: &mut Reader) -> Result<Self, D::Error>;
}

impl<T: AwsJson> Collection for Vec<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D, reader: &mut Reader) -> Result<Self, D::Error> {
        list::read(deserializer, reader)
    }
}

impl<T: AwsJson> Collection for BTreeMap<String, T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D, reader: &mut Reader) -> Result<Self, D::Error> {
        list::read_map(deserializer, reader)
    }
}

/// Reads a list or a map. Null is an empty one.
struct CollectionVisitor<'a, C>(&'a mut Reader, PhantomData<C>);

impl<'de, C: Collection> Visitor<'de> for CollectionVisitor<'_, C> {
    type Value = C;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, an object or null")
    }

    fn visit_none<E: Error>(self) -> Result<C, E> {
        Ok(C::default())
    }

    fn visit_unit<E: Error>(self) -> Result<C, E> {
        Ok(C::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<C, D::Error> {
        C::read(deserializer, self.0)
    }
}

/// Writes the member `name`, unless the field is unset.
pub(crate) fn write_field<F: Field, M: SerializeMap>(
    name: &'static str,
    field: &F,
    map: &mut M,
) -> Result<(), M::Error> {
    if field.is_unset() { Ok(()) } else { map.serialize_entry(name, &FieldJson(field)) }
}

/// Writes the member `name`, also when the list is empty: AWS marks it required.
pub(crate) fn write_required<F: Field, M: SerializeMap>(
    name: &'static str,
    field: &F,
    map: &mut M,
) -> Result<(), M::Error> {
    map.serialize_entry(name, &FieldJson(field))
}

struct FieldJson<'a, F>(&'a F);

impl<F: Field> Serialize for FieldJson<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;

    fn write<F: Field>(field: &F) -> Result<String, String> {
        serde_json::to_string(&FieldJson(field)).map_err(|e| e.to_string())
    }

    #[test]
    fn every_type_has_one_codec_in_a_field_a_list_and_a_map() {
        let time = Timestamp { seconds: 0, nanos: 0 };
        assert_eq!(write(&vec![time]).unwrap(), r#"["1970-01-01T00:00:00Z"]"#);
        assert_eq!(
            write(&BTreeMap::from([("a".to_owned(), bytes::Bytes::from_static(b"\0"))])).unwrap(),
            r#"{"a":"AA=="}"#
        );
        for error in [write(&Some(f32::NAN)), write(&vec![1.0, f64::INFINITY])] {
            assert!(error.unwrap_err().contains("no form in JSON"));
        }
        let mut reader = Reader::new(Default::default());
        let numbers: Vec<i32> =
            Field::read(&mut serde_json::Deserializer::from_str("[1, 2.0, null]"), &mut reader).unwrap();
        assert_eq!(numbers, [1, 2]);
    }
}
