//! Members that the schema does not know: kept word for word from Bedrock, added to what Bedrock receives.

use std::fmt;

use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde_json::value::RawValue;

use super::Reader;
use super::reject::Rejected;
use crate::r#type::v1::Document;

/// Unknown members that are being read: the text of a JSON object without its last brace. Empty before the first member.
#[derive(Default)]
pub(super) struct Members(String);

impl Members {
    /// Reads the value of the unknown member `name`. A member that is null is skipped.
    pub(super) fn read<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut A,
        reader: &mut Reader,
    ) -> Result<(), A::Error> {
        let value = map.next_value::<&RawValue>()?.get();
        if value == "null" {
            return Ok(());
        }
        reader.note_unknown(name);
        self.push(&serde_json::to_string(name).map_err(A::Error::custom)?, value);
        Ok(())
    }

    /// Appends a member: its name in quotes, and its value as JSON.
    fn push(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(name);
        self.0.push(':');
        self.0.push_str(value);
    }

    /// The members as an object, if there are any.
    pub(super) fn into_document(mut self) -> Option<Document> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        Some(Document { json: self.0 })
    }
}

/// `{"name": value}`, the value word for word.
pub(super) fn one_member(name: &str, value: &RawValue) -> Document {
    let mut members = Members::default();
    // Writing a string through a Value cannot fail.
    members.push(&serde_json::Value::from(name).to_string(), value.get());
    members.into_document().unwrap_or_default()
}

/// Adds the members of `document` to `map`. A member whose own field is set is rejected.
///
/// A member that the schema knows and whose field is not set passes: an older gateway may have put it here, and the message
/// comes back to a newer one.
pub(super) fn write_members<M: SerializeMap>(
    document: &Document,
    is_name_used: impl Fn(&str) -> bool,
    map: &mut M,
) -> Result<(), M::Error> {
    let members = match parse(document) {
        Ok(members) => members,
        Err(reason) => return reject(map, reason),
    };
    if let Some((name, _)) = members.iter().find(|(name, _)| is_name_used(name)) {
        return reject(map, &format!("the member `{name}` has its own field; set that field alone"));
    }
    let is_repeated = |(i, (name, _)): &(usize, &(String, &RawValue))| members.iter().take(*i).any(|m| m.0 == *name);
    if let Some((_, (name, _))) = members.iter().enumerate().find(is_repeated) {
        return reject(map, &format!("the member `{name}` is there twice"));
    }
    members.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))
}

/// Adds the one member of `document`, which is the value of a union.
pub(super) fn write_one_member<M: SerializeMap>(document: &Document, map: &mut M) -> Result<(), M::Error> {
    match parse(document) {
        Ok(members) if members.len() != 1 => reject(map, "a union has one member; this object must have exactly one"),
        _ => write_members(document, |_| false, map),
    }
}

fn reject<M: SerializeMap>(map: &mut M, reason: &str) -> Result<(), M::Error> {
    map.serialize_entry("unrecognized", &Rejected(reason))
}

fn parse(document: &Document) -> Result<Vec<(String, &RawValue)>, &'static str> {
    let mut json = serde_json::Deserializer::from_str(&document.json);
    let members = json.deserialize_map(ObjectVisitor).map_err(|_| "not a JSON object")?;
    json.end().map_err(|_| "text after the JSON object")?;
    Ok(members)
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}
