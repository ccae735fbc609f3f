//! Writes, for each message of a request, a table of the protobuf fields that this build knows (`src/wire.rs` reads it), and
//! the table of each RPC's request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use heck::ToShoutySnakeCase;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// The tables of all messages that requests contain, and the function `request_fields`.
pub(crate) fn write_tables(set: &FileDescriptorSet) -> Result<String, std::fmt::Error> {
    let mut code = String::new();
    let messages = messages(set);
    let methods = files(set).flat_map(|file| &file.service).flat_map(|service| &service.method);
    let mut open: Vec<_> = methods.map(|method| method.input_type()).collect();
    let mut written = BTreeSet::new();
    while let Some(path) = open.pop() {
        let Some(message) = messages.get(path).filter(|_| written.insert(path)) else { continue };
        write_table(&mut code, path, message)?;
        open.extend(message.field.iter().map(FieldDescriptorProto::type_name));
    }
    writeln!(code, "/// The fields of an RPC's request.")?;
    writeln!(code, "fn request_fields(grpc_path: &str) -> Option<&'static Fields> {{ Some(match grpc_path {{")?;
    for file in files(set) {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                writeln!(code, "{path:?} => &{},", table_name(method.input_type()))?;
            }
        }
    }
    writeln!(code, "_ => return None }}) }}")?;
    Ok(code)
}

/// All messages, entries of maps included, by their path.
fn messages(set: &FileDescriptorSet) -> BTreeMap<String, &DescriptorProto> {
    let mut messages = BTreeMap::new();
    for file in &set.file {
        for message in &file.message_type {
            let path = format!(".{}.{}", file.package(), message.name());
            messages.extend(message.nested_type.iter().map(|entry| (format!("{path}.{}", entry.name()), entry)));
            messages.insert(path, message);
        }
    }
    messages
}

fn files(set: &FileDescriptorSet) -> impl Iterator<Item = &FileDescriptorProto> {
    set.file.iter().filter(|file| file.package().starts_with("bedrock."))
}

fn write_table(code: &mut String, path: &str, message: &DescriptorProto) -> std::fmt::Result {
    let mut fields: Vec<_> = message.field.iter().collect();
    fields.sort_by_key(|field| field.number());
    writeln!(code, "static {}: Fields = Fields(&[", table_name(path))?;
    for field in fields {
        let (number, name, kind) = (field.number(), field.json_name(), kind(message, field));
        writeln!(code, "Field {{ number: {number}, name: {name:?}, kind: {kind} }},")?;
    }
    writeln!(code, "]);")
}

fn kind(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    if field.r#type() != Type::Message {
        return "Kind::Leaf".to_owned();
    }
    let table = table_name(field.type_name());
    let is_entry = message.nested_type.iter().any(|entry| field.type_name().ends_with(&format!(".{}", entry.name())));
    match field.label() {
        Label::Repeated if is_entry => format!("Kind::Map(&{table})"),
        Label::Repeated => format!("Kind::List(&{table})"),
        _ => format!("Kind::Message(&{table})"),
    }
}

/// `.bedrock.runtime.v1.Message` -> `BEDROCK_RUNTIME_V1_MESSAGE`
fn table_name(path: &str) -> String {
    path.trim_start_matches('.').replace('.', "_").to_shouty_snake_case()
}
