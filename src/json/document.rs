//! Smithy documents: any JSON. A document member has two fields: a `google.protobuf.Value` under AWS's own name, and the
//! exact JSON text in a second field.

use std::collections::BTreeMap;
use std::fmt;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::field::Field as _;
use super::reject::{Rejected, reject};
use super::value::Json;
use super::{AwsJson, Reader};

/// The form in which documents are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DocumentForm {
    /// Exact JSON text: key order, 64-bit integers and the spelling of numbers are kept.
    #[default]
    Text,
    /// `google.protobuf.Value`, which JSON clients such as grpcurl print as JSON. Its numbers are doubles.
    Value,
}

/// A map of documents as protobuf holds it.
type Values = BTreeMap<String, Value>;

/// A document, in the form that was read.
pub(crate) enum Document {
    Text(String),
    Value(Value),
}

/// Reads a document. Null is unset.
pub(crate) fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
    reader: &mut Reader,
) -> Result<Option<Document>, D::Error> {
    match reader.documents() {
        DocumentForm::Text => Ok(read_text(deserializer)?.map(Document::Text)),
        DocumentForm::Value => Ok(Option::read(deserializer, reader)?.map(Document::Value)),
    }
}

fn read_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = <&RawValue as serde::Deserialize>::deserialize(deserializer)?.get();
    Ok((text != "null").then(|| text.to_owned()))
}

/// Reads a map of documents: as one text of the whole map, or as values.
#[allow(dead_code, reason = "the runtime has no map of documents; build.rs writes calls for services that do")]
pub(crate) fn read_map<'de, D: Deserializer<'de>>(
    deserializer: D,
    reader: &mut Reader,
) -> Result<(Values, Option<String>), D::Error> {
    match reader.documents() {
        DocumentForm::Text => Ok((Values::new(), read_text(deserializer)?)),
        DocumentForm::Value => Ok((Values::read(deserializer, reader)?, None)),
    }
}

/// Writes the member `name` from its exact text. An error names the field that holds the text, `text_name`.
pub(crate) fn write_text<M: SerializeMap>(
    name: &'static str,
    text_name: &'static str,
    text: &str,
    map: &mut M,
) -> Result<(), M::Error> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => map.serialize_entry(name, raw),
        Err(e) => {
            let reason = format_args!("not valid JSON, at line {} column {}", e.line(), e.column());
            map.serialize_entry(text_name, &Rejected(reason))
        }
    }
}

/// Writes the member `name` from its value.
pub(crate) fn write_value<M: SerializeMap>(name: &'static str, value: &Value, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry(name, &Json(value))
}

/// Writes the map of documents `name`, which has a field for the values and a field for the exact text.
#[allow(dead_code, reason = "the runtime has no map of documents; build.rs writes calls for services that do")]
pub(crate) fn write_map<M: SerializeMap>(
    name: &'static str,
    text_name: &'static str,
    values: &Values,
    text: Option<&str>,
    map: &mut M,
) -> Result<(), M::Error> {
    match text {
        Some(_) if !values.is_empty() => {
            map.serialize_entry(text_name, &Rejected(format_args!("`{name}` is set too; set one of the two")))
        }
        Some(text) => write_text(name, text_name, text, map),
        None => super::field::write_field(name, values, map),
    }
}

/// A `google.protobuf.Value` as the JSON that it stands for. Its maps are sorted, so equal values give equal text.
impl AwsJson for Value {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            Some(Kind::NullValue(_)) => serializer.serialize_unit(),
            Some(Kind::BoolValue(b)) => serializer.serialize_bool(*b),
            Some(Kind::StringValue(s)) => serializer.serialize_str(s),
            Some(Kind::NumberValue(n)) => write_number(*n, serializer),
            Some(Kind::ListValue(list)) => serializer.collect_seq(list.values.iter().map(Json)),
            Some(Kind::StructValue(object)) => {
                let mut map = serializer.serialize_map(Some(object.fields.len()))?;
                for (key, value) in &object.fields {
                    map.serialize_entry(key, &Json(value))?;
                }
                map.end()
            }
            None => reject(serializer, "a google.protobuf.Value without a kind"),
        }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _: &mut Reader) -> Result<Option<Self>, D::Error> {
        AnySeed.deserialize(deserializer).map(Some)
    }
}

/// 2^63: integral doubles below it fit an i64.
const I64_RANGE: f64 = 9_223_372_036_854_775_808.0;

/// A double does not show whether it was an integer. It is written as one, because a JSON schema with `"minimum": 3.0` is
/// not what its author wrote.
#[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
fn write_number<S: Serializer>(n: f64, serializer: S) -> Result<S::Ok, S::Error> {
    if n.fract() == 0.0 && n.abs() < I64_RANGE {
        return serializer.serialize_i64(n as i64);
    }
    n.write(serializer)
}

/// Reads any JSON as a `google.protobuf.Value`.
struct AnySeed;

impl<'de> DeserializeSeed<'de> for AnySeed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

fn value(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

impl<'de> Visitor<'de> for AnySeed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(value(Kind::NullValue(0)))
    }

    fn visit_bool<E: Error>(self, b: bool) -> Result<Value, E> {
        Ok(value(Kind::BoolValue(b)))
    }

    #[allow(clippy::cast_precision_loss, reason = "a Value has doubles only")]
    fn visit_i64<E: Error>(self, n: i64) -> Result<Value, E> {
        Ok(value(Kind::NumberValue(n as f64)))
    }

    #[allow(clippy::cast_precision_loss, reason = "a Value has doubles only")]
    fn visit_u64<E: Error>(self, n: u64) -> Result<Value, E> {
        Ok(value(Kind::NumberValue(n as f64)))
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<Value, E> {
        Ok(value(Kind::NumberValue(n)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(value(Kind::StringValue(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(element) = elements.next_element_seed(Self)? {
            values.push(element);
        }
        Ok(value(Kind::ListValue(ListValue { values })))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(key) = entries.next_key()? {
            fields.insert(key, entries.next_value_seed(Self)?);
        }
        Ok(value(Kind::StructValue(Struct { fields })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The JSON text of a map of documents.
    fn write(values: &Values, text: Option<&str>) -> Result<String, String> {
        let mut json = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut json);
        let mut map = Serializer::serialize_map(&mut serializer, None).unwrap();
        write_map("fields", "fieldsJson", values, text, &mut map).map_err(|e| e.to_string())?;
        SerializeMap::end(map).unwrap();
        Ok(String::from_utf8(json).unwrap())
    }

    fn read(documents: DocumentForm, json: &str) -> (Values, Option<String>) {
        let mut reader = Reader::new(documents);
        read_map(&mut serde_json::Deserializer::from_str(json), &mut reader).unwrap()
    }

    #[test]
    fn map_of_documents_is_read_and_written_in_both_forms() {
        let text = r#"{"b":{"z":1, "a":2},"a":[1.50]}"#;
        let (values, exact) = read(DocumentForm::Text, text);
        assert_eq!((values.len(), exact.as_deref()), (0, Some(text)));
        assert_eq!(write(&values, exact.as_deref()).unwrap(), format!(r#"{{"fields":{text}}}"#));
        let (values, exact) = read(DocumentForm::Value, text);
        assert_eq!((values.len(), exact), (2, None));
        assert_eq!(write(&values, None).unwrap(), r#"{"fields":{"a":[1.5],"b":{"a":2,"z":1}}}"#);
        assert_eq!(write(&Values::new(), None).unwrap(), "{}");
    }

    #[test]
    fn map_of_documents_with_both_forms_or_text_that_is_not_json_is_rejected() {
        let (values, _) = read(DocumentForm::Value, r#"{"a":1}"#);
        assert!(write(&values, Some("{}")).unwrap_err().contains("`fields` is set too"));
        assert!(write(&Values::new(), Some("{")).unwrap_err().contains("not valid JSON"));
    }
}
