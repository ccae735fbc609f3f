//! Unions: an object with exactly one member in JSON, a message with one oneof in protobuf.
//!
//! Serde's own enum reader fails on what it does not know, on null and on an empty object; Bedrock sends all three. So one
//! visitor serves every union: it takes the first member that the schema knows and is not null, and keeps what it does not
//! know as `unrecognized`, word for word.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

use super::{document, refuse};
use crate::runtime::v1::Document;

/// The oneof of a message that stands for a Smithy union. Implemented by the `union!` macro for each of them.
pub trait Union: Sized {
    /// The members' JSON names, in the order that [`Union::decode`] counts them.
    const NAMES: &'static [&'static str];

    /// Reads the value of the member `NAMES[index]`; null is none.
    ///
    /// # Errors
    /// The deserializer's, when the value does not fit the member.
    fn decode<'de, D: Deserializer<'de>>(index: usize, value: D) -> Result<Option<Self>, D::Error>;

    /// The member that holds what the schema does not know, as `{"itsName": ...}`.
    fn unrecognized(document: Document) -> Self;
}

/// `union! { Message, module::Oneof { "jsonName" => Variant: codec, } field }`: serde for the message and its oneof, and
/// [`Union`]. build.rs writes one such line for each union of the schema.
macro_rules! union {
    ($message:ident, $module:ident::$oneof:ident { $($name:literal => $variant:ident: $codec:ident,)* } $field:ident) => {
        impl crate::json::Union for $module::$oneof {
            const NAMES: &'static [&'static str] = &[$($name),*];

            fn decode<'de, D: serde::Deserializer<'de>>(index: usize, value: D) -> Result<Option<Self>, D::Error> {
                let mut i = 0..;
                $(if i.next() == Some(index) {
                    return Ok(crate::json::union::member!($codec, value)?.map(Self::$variant));
                })*
                let _ = value;
                Ok(None)
            }

            fn unrecognized(document: Document) -> Self {
                Self::Unrecognized(document)
            }
        }

        impl serde::Serialize for $module::$oneof {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(value) => {
                        crate::json::union::serialize_member($name, crate::json::union::written!($codec, value), serializer)
                    })*
                    Self::Unrecognized(document) => crate::json::union::serialize_unrecognized(document, serializer),
                }
            }
        }

        impl serde::Serialize for $message {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                crate::json::union::serialize(&self.$field, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $message {
            #[allow(clippy::needless_update, reason = "one request has a member beside its oneof")]
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self { $field: crate::json::union::deserialize(deserializer)?, ..Default::default() })
            }
        }
    };
}
pub(crate) use union;

/// Reads one member's value: by serde's own rule, or by the codec that build.rs names.
macro_rules! member {
    (plain, $value:ident) => {
        <Option<_> as serde::Deserialize>::deserialize($value)
    };
    ($codec:ident, $value:ident) => {
        crate::json::$codec::deserialize($value)
    };
}
pub(crate) use member;

/// What stands for one member's value when it is written.
macro_rules! written {
    (plain, $value:ident) => {
        $value
    };
    (blob, $value:ident) => {
        &crate::json::blob::Base64($value)
    };
}
pub(crate) use written;

pub(crate) fn serialize<U: Serialize, S: Serializer>(member: &Option<U>, serializer: S) -> Result<S::Ok, S::Error> {
    match member {
        Some(member) => member.serialize(serializer),
        None => refuse(serializer, "none of the union's members is set; set exactly one"),
    }
}

/// A map of one entry, so that an error's path names the member.
pub(crate) fn serialize_member<T: Serialize, S: Serializer>(
    name: &str,
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, value)?;
    map.end()
}

/// `unrecognized` stands in the union's place, so it has to be an object as a union is.
pub(crate) fn serialize_unrecognized<S: Serializer>(document: &Document, serializer: S) -> Result<S::Ok, S::Error> {
    if !document::is_object(document) {
        return refuse(serializer, "`unrecognized` takes a JSON object with one member");
    }
    document.serialize(serializer)
}

pub(crate) fn deserialize<'de, U: Union, D: Deserializer<'de>>(deserializer: D) -> Result<Option<U>, D::Error> {
    deserializer.deserialize_map(UnionVisitor(PhantomData))
}

struct UnionVisitor<U>(PhantomData<U>);

impl<'de, U: Union> Visitor<'de> for UnionVisitor<U> {
    type Value = Option<U>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one member")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<U>, A::Error> {
        let (mut known, mut unrecognized) = (None, None);
        while let Some(name) = map.next_key_seed(NameSeed::<U>(PhantomData))? {
            match name {
                Name::Known(index) if known.is_none() => {
                    known = map.next_value_seed(MemberSeed::<U>(index, PhantomData))?
                }
                Name::Unknown(name) if known.is_none() && unrecognized.is_none() => {
                    if let Some(value) = map.next_value::<Option<Box<RawValue>>>()? {
                        unrecognized = Some(document::named(&name, &value).map_err(A::Error::custom)?);
                    }
                }
                // AWS promises one member; a second one has no place and counts as an unknown member.
                _ => drop(map.next_value::<Option<IgnoredAny>>()?),
            }
        }
        Ok(known.or_else(|| unrecognized.map(U::unrecognized)))
    }
}

enum Name {
    Known(usize),
    Unknown(String),
}

struct NameSeed<U>(PhantomData<U>);

impl<'de, U: Union> DeserializeSeed<'de> for NameSeed<U> {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<U: Union> Visitor<'_> for NameSeed<U> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        let index = U::NAMES.iter().position(|known| *known == name);
        Ok(index.map_or_else(|| Name::Unknown(name.to_owned()), Name::Known))
    }
}

struct MemberSeed<U>(usize, PhantomData<U>);

impl<'de, U: Union> DeserializeSeed<'de> for MemberSeed<U> {
    type Value = Option<U>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Option<U>, D::Error> {
        U::decode(self.0, value)
    }
}
