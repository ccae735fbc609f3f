//! Smithy documents: any JSON, written and read as raw text.

use prost_types::value::Kind;
use prost_types::{Struct, Value};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

use super::float::Finite;
use super::refuse;
use crate::runtime::v1::Document;
use crate::runtime::v1::document::Form;

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.form {
            Some(Form::Json(text)) => match serde_json::from_str::<&RawValue>(text) {
                Ok(raw) => raw.serialize(serializer),
                Err(e) => {
                    refuse(serializer, format_args!("not valid JSON, at line {} column {}", e.line(), e.column()))
                }
            },
            Some(Form::Value(value)) => Plain(value).serialize(serializer),
            None => refuse(serializer, "the document is empty; set `json` or `value`"),
        }
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self { form: Some(Form::Json(Box::<str>::from(raw).into_string())) })
    }
}

/// `{"name": value}`, the value word for word.
pub(super) fn named(name: &str, value: &RawValue) -> serde_json::Result<Document> {
    let name = serde_json::to_string(name)?;
    Ok(Document { form: Some(Form::Json(format!("{{{name}:{}}}", value.get()))) })
}

pub(super) fn is_object(document: &Document) -> bool {
    match &document.form {
        Some(Form::Json(text)) => text.trim_start().starts_with('{'),
        Some(Form::Value(value)) => matches!(value.kind, Some(Kind::StructValue(_))),
        // Left to Document's own serde, whose message fits better.
        None => true,
    }
}

/// A `google.protobuf.Value` as the JSON it stands for. Its maps are sorted, so the text is the same every time.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.kind {
            Some(Kind::NullValue(_)) => serializer.serialize_unit(),
            Some(Kind::BoolValue(b)) => serializer.serialize_bool(*b),
            Some(Kind::StringValue(s)) => serializer.serialize_str(s),
            Some(Kind::NumberValue(n)) => number(*n, serializer),
            Some(Kind::ListValue(list)) => serializer.collect_seq(list.values.iter().map(Plain)),
            Some(Kind::StructValue(Struct { fields })) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, &Plain(value))?;
                }
                map.end()
            }
            None => refuse(serializer, "a google.protobuf.Value without a kind"),
        }
    }
}

/// 2^63: the integral doubles below it fit an i64.
const I64_RANGE: f64 = 9_223_372_036_854_775_808.0;

/// A double carries no mark of being an integer, and a JSON schema that says `"minimum": 3.0` is not the author's.
#[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
fn number<S: Serializer>(n: f64, serializer: S) -> Result<S::Ok, S::Error> {
    if n.fract() == 0.0 && n.abs() < I64_RANGE {
        return serializer.serialize_i64(n as i64);
    }
    Finite(n).serialize(serializer)
}
