//! The mapping rules of the schema, from descriptors alone. The tests compare the gateway's codec with them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _,
};
use prost_types::Timestamp;
use serde_json::{Map, Value, json};

/// The schema's descriptors.
pub(crate) fn pool() -> DescriptorPool {
    DescriptorPool::decode(bedrock_grpc_schema::FILE_DESCRIPTOR_SET).unwrap()
}

/// The message `bedrock.runtime.v1.{name}`.
pub(crate) fn message(pool: &DescriptorPool, name: &str) -> MessageDescriptor {
    pool.get_message_by_name(&format!("bedrock.runtime.v1.{name}")).unwrap_or_else(|| panic!("no message {name}"))
}

/// Makes the message from AWS's JSON. Panics at a member that has no field.
pub(crate) fn fill(kind: &MessageDescriptor, value: &Value) -> DynamicMessage {
    let mut message = DynamicMessage::new(kind.clone());
    if kind.full_name() == "google.protobuf.Timestamp" {
        let time: Timestamp = value.as_str().unwrap().parse().unwrap();
        message.set_field_by_name("seconds", prost_reflect::Value::I64(time.seconds));
        message.set_field_by_name("nanos", prost_reflect::Value::I32(time.nanos));
    } else if value.is_array() {
        let values = kind.get_field_by_name("values").unwrap_or_else(|| panic!("{} is no list", kind.name()));
        message.set_field(&values, to_field_value(&values, value));
    } else {
        let mut unknown = Map::new();
        for (name, value) in value.as_object().unwrap() {
            match kind.get_field_by_json_name(name) {
                Some(field) => match exact_text(kind, &field) {
                    Some(text) => message.set_field(&text, prost_reflect::Value::String(value.to_string())),
                    None => message.set_field(&field, to_field_value(&field, value)),
                },
                None => drop(unknown.insert(name.clone(), value.clone())),
            }
        }
        if !unknown.is_empty() {
            let mut document = DynamicMessage::new(message_kind(kind, "unrecognized"));
            document.set_field_by_name("json", prost_reflect::Value::String(Value::Object(unknown).to_string()));
            message.set_field_by_name("unrecognized", prost_reflect::Value::Message(document));
        }
    }
    message
}

/// The field with the exact text of the document `field`, if `field` is a document.
fn exact_text(kind: &MessageDescriptor, field: &FieldDescriptor) -> Option<FieldDescriptor> {
    let is_value = field.kind().as_message().is_some_and(|m| m.full_name() == "google.protobuf.Value");
    let name = if field.name() == "json" { "json_text".to_owned() } else { format!("{}_json", field.name()) };
    kind.get_field_by_name(&name).filter(|_| is_value)
}

fn message_kind(kind: &MessageDescriptor, field: &str) -> MessageDescriptor {
    let field = kind.get_field_by_name(field).unwrap_or_else(|| panic!("{} has no {field}", kind.name()));
    field.kind().as_message().unwrap().clone()
}

fn to_field_value(field: &FieldDescriptor, value: &Value) -> prost_reflect::Value {
    if field.is_map() {
        let kind = field.kind().as_message().unwrap().map_entry_value_field();
        let entries = value.as_object().unwrap().iter();
        return prost_reflect::Value::Map(
            entries.map(|(k, v)| (MapKey::String(k.clone()), to_single_value(&kind, v))).collect(),
        );
    }
    if field.is_list() {
        return prost_reflect::Value::List(
            value.as_array().unwrap().iter().map(|v| to_single_value(field, v)).collect(),
        );
    }
    to_single_value(field, value)
}

fn to_single_value(field: &FieldDescriptor, value: &Value) -> prost_reflect::Value {
    use prost_reflect::Value as V;
    match field.kind() {
        Kind::Message(kind) => V::Message(fill(&kind, value)),
        Kind::String => V::String(value.as_str().unwrap().to_owned()),
        Kind::Bytes => V::Bytes(STANDARD.decode(value.as_str().unwrap()).unwrap().into()),
        Kind::Bool => V::Bool(value.as_bool().unwrap()),
        Kind::Int32 => V::I32(i32::try_from(value.as_i64().unwrap()).unwrap()),
        Kind::Int64 => V::I64(value.as_i64().unwrap()),
        Kind::Float => V::F32(value.as_f64().unwrap() as f32),
        Kind::Double => V::F64(value.as_f64().unwrap()),
        other => panic!("the schema has no use for {other:?}"),
    }
}

/// Makes AWS's JSON from a message.
pub(crate) fn read(message: &DynamicMessage) -> Value {
    let kind = message.descriptor();
    if kind.full_name() == "google.protobuf.Value" {
        return read_any(&message.transcode_to().unwrap());
    }
    if kind.full_name() == "google.protobuf.Timestamp" {
        let time: Timestamp = message.transcode_to().unwrap();
        return json!(time.to_string());
    }
    let fields: Vec<_> = kind.fields().collect();
    match fields.as_slice() {
        [only] if only.name() == "values" && only.is_list() => read_value(&message.get_field(only)),
        _ => {
            let mut object = Map::new();
            let names = fields.iter().map(|f| (exact_text(&kind, f), f.json_name().to_owned()));
            let texts: BTreeMap<_, _> = names.filter_map(|(text, name)| Some((text?.number(), name))).collect();
            for field in fields.iter().filter(|f| message.has_field(f)) {
                let value = message.get_field(field);
                if field.name() == "unrecognized" {
                    let json =
                        value.as_message().unwrap().get_field_by_name("json").unwrap().as_str().unwrap().to_owned();
                    object.extend(serde_json::from_str::<Map<_, _>>(&json).unwrap());
                } else if let Some(name) = texts.get(&field.number()) {
                    object.insert(name.clone(), serde_json::from_str(value.as_str().unwrap()).unwrap());
                } else {
                    object.insert(field.json_name().to_owned(), read_value(&value));
                }
            }
            Value::Object(object)
        }
    }
}

fn read_any(value: &prost_types::Value) -> Value {
    use prost_types::value::Kind;
    match value.kind.as_ref().unwrap() {
        Kind::NullValue(_) => Value::Null,
        Kind::BoolValue(b) => json!(b),
        Kind::NumberValue(n) => json!(n),
        Kind::StringValue(text) => json!(text),
        Kind::ListValue(list) => list.values.iter().map(read_any).collect(),
        Kind::StructValue(object) => {
            Value::Object(object.fields.iter().map(|(name, value)| (name.clone(), read_any(value))).collect())
        }
    }
}

fn read_value(value: &prost_reflect::Value) -> Value {
    use prost_reflect::Value as V;
    match value {
        V::Map(entries) => Value::Object(
            entries.iter().map(|(k, v)| (k.as_str().unwrap().to_owned(), read_value(v))).collect::<Map<_, _>>(),
        ),
        V::List(values) => values.iter().map(read_value).collect(),
        V::Message(message) => read(message),
        V::String(text) => json!(text),
        V::Bytes(bytes) => json!(STANDARD.encode(bytes)),
        V::Bool(b) => json!(b),
        V::I32(n) => json!(n),
        V::I64(n) => json!(n),
        V::F32(n) => json!(n),
        V::F64(n) => json!(n),
        other => panic!("the schema has no use for {other:?}"),
    }
}
