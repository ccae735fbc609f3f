//! JSON as it was written: member order and spelling survive, and unions take members nobody knows.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;

use crate::exception::Exception;

/// Reads a request's body. What is missing in it is for validation to say, in Bedrock's words.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Exception> {
    // AWS reads an absent body as an empty structure.
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        Exception::serialization(match error.classify() {
            Category::Data => format!("The request body does not have the operation's shape: {error}"),
            Category::Io | Category::Syntax | Category::Eof => format!("The request body is not valid JSON: {error}"),
        })
    })
}

/// A string that is borrowed from the body where it has no escapes: an image of 20 MB is not copied.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// An object's members in the order in which they were written.
#[derive(Clone, Debug)]
pub(crate) struct Members<'a, V>(pub(crate) Vec<(Text<'a>, V)>);

impl<V> Default for Members<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> Members<'_, V> {
    pub(crate) fn get(&self, name: &str) -> Option<&V> {
        let member = self.0.iter().find(|(member, _)| **member == *name);
        member.map(|(_, value)| value)
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Members<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<'a, V>(PhantomData<(&'a (), V)>);

        impl<'de: 'a, 'a, V: Deserialize<'de>> Visitor<'de> for InOrder<'a, V> {
            type Value = Members<'a, V>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

/// Defines a Smithy union: an enum with a variant a member, `Unrecognized` for a member that the simulator does not
/// know, `Empty` for none at all (`null` counts as absent). Two known members are an error, as at AWS.
macro_rules! union {
    ($(#[$meta:meta])* $name:ident<$lt:lifetime> { $($member:literal => $variant:ident($type:ty),)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        #[allow(dead_code, reason = "a member may matter only for being the one that is set")]
        #[allow(clippy::enum_variant_names)] // the names are AWS's
        pub(crate) enum $name<$lt> {
            $($variant($type),)+
            Unrecognized,
            Empty,
        }

        impl $name<'_> {
            /// The names of the members, in the order of the API's model.
            #[allow(dead_code)] // not every union is validated for being empty
            pub(crate) const MEMBERS: &'static [&'static str] = &[$($member),+];
        }

        impl<'de: $lt, $lt> serde::Deserialize<'de> for $name<$lt> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Union<$lt>(std::marker::PhantomData<&$lt ()>);

                impl<'de: $lt, $lt> serde::de::Visitor<'de> for Union<$lt> {
                    type Value = $name<$lt>;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        formatter.write_str(concat!("a ", stringify!($name), " object"))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut known = None;
                        let mut unrecognized = false;
                        while let Some(member) = map.next_key::<crate::json::Text<'de>>()? {
                            let value = match &*member {
                                $($member => map.next_value::<Option<$type>>()?.map($name::$variant),)+
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                    unrecognized = true;
                                    None
                                }
                            };
                            if value.is_some() && known.is_some() {
                                return Err(serde::de::Error::custom(
                                    concat!("a ", stringify!($name), " must set exactly one member"),
                                ));
                            }
                            known = known.or(value);
                        }
                        Ok(match known {
                            Some(known) => known,
                            None if unrecognized => $name::Unrecognized,
                            None => $name::Empty,
                        })
                    }
                }

                deserializer.deserialize_map(Union(std::marker::PhantomData))
            }
        }
    };
}
pub(crate) use union;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    union! {
        Block<'a> {
            "text" => Text(Text<'a>),
            "document" => Document(&'a RawValue),
        }
    }

    #[test]
    fn unions_take_one_member_and_tolerate_unknown_ones() {
        let read = |text| serde_json::from_str::<Block<'_>>(text);
        assert!(matches!(read(r#"{"text":"a"}"#), Ok(Block::Text(text)) if &*text == "a"));
        assert!(
            matches!(read(r#"{"document":{"b":1,"a":2}}"#), Ok(Block::Document(raw)) if raw.get() == r#"{"b":1,"a":2}"#)
        );
        assert!(matches!(read(r#"{"new":1}"#), Ok(Block::Unrecognized)));
        assert!(matches!(read(r#"{"text":null}"#), Ok(Block::Empty)));
        assert!(read(r#"{"text":"a","document":{}}"#).is_err());
        assert_eq!(Block::MEMBERS, ["text", "document"]);
    }

    #[test]
    fn text_without_escapes_is_not_copied() {
        let read = |text| serde_json::from_str::<Block<'_>>(text).unwrap();
        assert!(matches!(read(r#"{"text":"AAAA"}"#), Block::Text(Text(Cow::Borrowed("AAAA")))));
        assert!(matches!(read(r#"{"text":"A\/A"}"#), Block::Text(Text(Cow::Owned(text))) if text == "A/A"));
    }

    #[test]
    fn members_keep_their_order() {
        let members: Members<'_, &RawValue> = serde_json::from_str(r#"{"z":1.0,"a":2}"#).unwrap();
        let names: Vec<_> = members.0.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["z", "a"]);
        assert_eq!(members.get("z").unwrap().get(), "1.0");
    }
}
