//! Structures: an object with any of its members in JSON, a message with a field per member in protobuf.
//!
//! One visitor reads every structure. It keeps what the schema does not know as `unrecognized`, word for word. Writing adds
//! the members of `unrecognized` to the object.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};

use super::Reader;
use super::unrecognized::{self, Members};
use crate::r#type::v1::Document;

/// A message that stands for a Smithy structure. build.rs implements it for each of them.
pub(crate) trait Structure: Default {
    /// The members' JSON names, in the order of their indices.
    const NAMES: &'static [&'static str];

    /// The index of the member with this JSON name.
    fn index(name: &str) -> Option<usize>;

    /// Writes the members that are set, without those in `unrecognized`.
    fn write_members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Whether the name `NAMES[index]` is used: `write_members` writes it, or its member is not in the body.
    fn is_name_used(&self, index: usize) -> bool;

    /// Reads the value of the member `NAMES[index]` into its field.
    fn read_member<'de, D: Deserializer<'de>>(
        &mut self,
        index: usize,
        value: D,
        reader: &mut Reader,
    ) -> Result<(), D::Error>;

    /// The members that the schema does not know. `None` also for a message that has no JSON body.
    fn unrecognized(&self) -> Option<&Document>;

    /// Keeps the members that the schema does not know.
    fn set_unrecognized(&mut self, members: Document);
}

pub(crate) fn write<T: Structure, S: Serializer>(message: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    message.write_members(&mut map)?;
    if let Some(members) = message.unrecognized() {
        let is_name_used = |name: &str| T::index(name).is_some_and(|index| message.is_name_used(index));
        unrecognized::write_members(members, is_name_used, &mut map)?;
    }
    map.end()
}

pub(crate) fn read<'de, T: Structure, D: Deserializer<'de>>(
    deserializer: D,
    reader: &mut Reader,
) -> Result<T, D::Error> {
    deserializer.deserialize_map(StructureVisitor(reader, PhantomData))
}

/// The name of an event's padding. Bedrock adds it against traffic analysis: a random run of letters. It is not a member of
/// the event.
const PADDING: &str = "p";

struct StructureVisitor<'a, T>(&'a mut Reader, PhantomData<T>);

impl<'de, T: Structure> Visitor<'de> for StructureVisitor<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let reader = self.0;
        let padded = reader.take_padding();
        let (mut message, mut unknown) = (T::default(), Members::default());
        while let Some(name) = map.next_key_seed(NameSeed(T::index))? {
            match name {
                Name::Known(index) => {
                    let name = T::NAMES.get(index).copied().unwrap_or_default();
                    let message = &mut message;
                    reader.in_member(name, |reader| map.next_value_seed(MemberSeed { message, index, reader }))?;
                }
                Name::Unknown(name) if padded && name == PADDING => drop(map.next_value::<IgnoredAny>()?),
                Name::Unknown(name) => unknown.read(&name, &mut map, reader)?,
            }
        }
        if let Some(members) = unknown.into_document() {
            message.set_unrecognized(members);
        }
        Ok(message)
    }
}

struct MemberSeed<'a, T> {
    message: &'a mut T,
    index: usize,
    reader: &'a mut Reader,
}

impl<'de, T: Structure> DeserializeSeed<'de> for MemberSeed<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        self.message.read_member(self.index, value, self.reader)
    }
}

/// A member's name in the JSON of a structure or a union.
pub(super) enum Name<'de> {
    Known(usize),
    Unknown(Cow<'de, str>),
}

/// Reads a name. A known name, and an unknown name without escapes, needs no allocation.
pub(super) struct NameSeed(pub(super) fn(&str) -> Option<usize>);

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Name<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name<'de>, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(self.0(name).map_or(Name::Unknown(Cow::Borrowed(name)), Name::Known))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(self.0(name).map_or_else(|| Name::Unknown(Cow::Owned(name.to_owned())), Name::Known))
    }
}
