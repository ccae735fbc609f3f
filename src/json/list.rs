//! Lists and maps. Null is an empty list or map. A null or an empty union inside is left out.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::Serializer;

use super::reader::ValueSeed;
use super::value::Json;
use super::{AwsJson, Reader};

pub(crate) fn write<T: AwsJson, S: Serializer>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(list.iter().map(Json))
}

pub(crate) fn read<'de, T: AwsJson, D: Deserializer<'de>>(
    deserializer: D,
    reader: &mut Reader,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(ListVisitor(reader, PhantomData))
}

struct ListVisitor<'a, T>(&'a mut Reader, PhantomData<T>);

impl<'de, T: AwsJson> Visitor<'de> for ListVisitor<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(ValueSeed::new(self.0))? {
            list.extend(element);
        }
        Ok(list)
    }
}

pub(super) fn write_map<T: AwsJson, S: Serializer>(
    map: &BTreeMap<String, T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter().map(|(key, value)| (key, Json(value))))
}

pub(super) fn read_map<'de, T: AwsJson, D: Deserializer<'de>>(
    deserializer: D,
    reader: &mut Reader,
) -> Result<BTreeMap<String, T>, D::Error> {
    deserializer.deserialize_map(MapVisitor(reader, PhantomData))
}

struct MapVisitor<'a, T>(&'a mut Reader, PhantomData<T>);

impl<'de, T: AwsJson> Visitor<'de> for MapVisitor<'_, T> {
    type Value = BTreeMap<String, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = entries.next_key()? {
            if let Some(value) = entries.next_value_seed(ValueSeed::new(self.0))? {
                map.insert(key, value);
            }
        }
        Ok(map)
    }
}
