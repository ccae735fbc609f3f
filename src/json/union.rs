//! Unions: an object with exactly one member in JSON, a message with one oneof in protobuf.
//!
//! Serde's own enum reader fails on what it does not know, on null and on an empty object. Bedrock sends all three. One
//! visitor reads every union: it takes the first member that the schema knows and that is not null. It keeps a member that
//! the schema does not know as `unrecognized`, word for word. A union without a member is left out.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};

use super::Reader;
use super::reject::reject;
use super::structure::{Name, NameSeed};
use super::unrecognized::{self, Members};
use crate::r#type::v1::Document;

/// The oneof of a message that stands for a Smithy union. build.rs implements it for each of them.
pub trait Union: Sized {
    /// The members' JSON names, in the order of their indices.
    const NAMES: &'static [&'static str];

    /// The index of the member with this JSON name.
    fn index(name: &str) -> Option<usize>;

    /// Reads the value of the member `NAMES[index]`. Null is no member.
    ///
    /// # Errors
    /// The deserializer's, when the value does not fit the member.
    fn read_member<'de, D: Deserializer<'de>>(
        index: usize,
        value: D,
        reader: &mut Reader,
    ) -> Result<Option<Self>, D::Error>;

    /// Writes the one member.
    ///
    /// # Errors
    /// The serializer's, when the value has no form in JSON.
    fn write_member<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// The member that holds what the schema does not know, as `{"itsName": ...}`.
    fn unrecognized(document: Document) -> Self;
}

pub(crate) fn write<U: Union, S: Serializer>(member: &Option<U>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(member) = member else {
        return reject(serializer, "none of the union's members is set; set exactly one");
    };
    let mut map = serializer.serialize_map(Some(1))?;
    member.write_member(&mut map)?;
    map.end()
}

/// Writes the member in `unrecognized`.
pub(crate) fn write_unrecognized<M: SerializeMap>(document: &Document, map: &mut M) -> Result<(), M::Error> {
    unrecognized::write_one_member(document, map)
}

pub(crate) fn read<'de, U: Union, D: Deserializer<'de>>(
    deserializer: D,
    reader: &mut Reader,
) -> Result<Option<U>, D::Error> {
    deserializer.deserialize_map(UnionVisitor(reader, PhantomData))
}

struct UnionVisitor<'a, U>(&'a mut Reader, PhantomData<U>);

impl<'de, U: Union> Visitor<'de> for UnionVisitor<'_, U> {
    type Value = Option<U>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one member")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<U>, A::Error> {
        let reader = self.0;
        let (mut known, mut unknown) = (None, Members::default());
        while let Some(name) = map.next_key_seed(NameSeed(U::index))? {
            match name {
                Name::Known(index) if known.is_none() => {
                    let name = U::NAMES.get(index).copied().unwrap_or_default();
                    known = reader.in_member(name, |reader| {
                        map.next_value_seed(MemberSeed { index, reader, union: PhantomData })
                    })?;
                }
                // AWS promises one member. A second one cannot be kept.
                Name::Known(index) => {
                    if map.next_value::<Option<IgnoredAny>>()?.is_some() {
                        reader.note_unknown(U::NAMES.get(index).copied().unwrap_or_default());
                    }
                }
                Name::Unknown(name) => unknown.read(&name, &mut map, reader)?,
            }
        }
        Ok(known.or_else(|| unknown.into_document().map(U::unrecognized)))
    }
}

struct MemberSeed<'a, U> {
    index: usize,
    reader: &'a mut Reader,
    union: PhantomData<U>,
}

impl<'de, U: Union> DeserializeSeed<'de> for MemberSeed<'_, U> {
    type Value = Option<U>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Option<U>, D::Error> {
        U::read_member(self.index, value, self.reader)
    }
}
