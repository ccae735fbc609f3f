//! Writes the AWS JSON codec's part of each message: which JSON member is which field. The types of the fields decide how
//! their values are written and read (`src/json`).

use std::fmt::Write as _;

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FieldDescriptorProto};

use crate::lock::{Kind, Message};

/// The code of one message.
pub(crate) fn write_message(message: &DescriptorProto, row: &Message) -> Result<String, std::fmt::Error> {
    let mut code = String::new();
    match row.kind {
        Kind::List => write_list(&mut code, message)?,
        Kind::Union => write_union(&mut code, message)?,
        Kind::Structure => write_structure(&mut code, message, row)?,
    }
    Ok(code)
}

/// `optional` makes a oneof in the descriptor that the .proto file does not have.
fn in_oneof(field: &FieldDescriptorProto) -> bool {
    field.oneof_index.is_some() && !field.proto3_optional()
}

/// A member of a shape, and the fields that hold it.
enum Member<'a> {
    /// One field.
    Plain(&'a FieldDescriptorProto),
    /// A document: `google.protobuf.Value` and the exact text.
    Document { value: &'a FieldDescriptorProto, text: &'a FieldDescriptorProto },
}

/// The members of `message` in the order of the file, without `unrecognized`.
fn members(message: &DescriptorProto) -> Vec<Member<'_>> {
    let texts: Vec<_> = message.field.iter().filter_map(|f| document_text(message, f)).collect();
    let is_text = |f: &FieldDescriptorProto| texts.iter().any(|text| text.name() == f.name());
    let fields = message.field.iter().filter(|f| f.name() != "unrecognized" && !is_text(f));
    fields
        .map(|value| match document_text(message, value) {
            Some(text) => Member::Document { value, text },
            None => Member::Plain(value),
        })
        .collect()
}

/// The field with the exact text of the document in `field`: `input_json` for `input`, `json_text` for `json`.
fn document_text<'a>(message: &'a DescriptorProto, field: &FieldDescriptorProto) -> Option<&'a FieldDescriptorProto> {
    let holds_value = field.type_name() == ".google.protobuf.Value"
        || map_entry(message, field).is_some_and(|entry| entry.field[1].type_name() == ".google.protobuf.Value");
    let name = if field.name() == "json" { "json_text".to_owned() } else { format!("{}_json", field.name()) };
    message.field.iter().find(|f| holds_value && f.name() == name)
}

fn map_entry<'a>(message: &'a DescriptorProto, field: &FieldDescriptorProto) -> Option<&'a DescriptorProto> {
    let name = field.type_name().rsplit('.').next();
    let mut nested = message.nested_type.iter();
    nested.find(|n| {
        field.r#type() == Type::Message
            && Some(n.name()) == name
            && n.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry)
    })
}

fn write_names(code: &mut String, members: &[Member<'_>]) -> std::fmt::Result {
    let name = |member: &Member<'_>| match member {
        Member::Plain(field) | Member::Document { value: field, .. } => field.json_name().to_owned(),
    };
    let names: Vec<_> = members.iter().map(name).collect();
    writeln!(code, "const NAMES: &'static [&'static str] = &{names:?};")?;
    writeln!(code, "fn index(name: &str) -> Option<usize> {{ match name {{")?;
    for (i, name) in names.iter().enumerate() {
        writeln!(code, "{name:?} => Some({i}),")?;
    }
    writeln!(code, "_ => None }} }}")
}

const READ_ARGUMENTS: &str = "index: usize, value: D, reader: &mut crate::json::Reader";

fn write_structure(code: &mut String, message: &DescriptorProto, row: &Message) -> std::fmt::Result {
    let (name, members) = (message.name(), members(message));
    writeln!(code, "impl crate::json::structure::Structure for {name} {{")?;
    write_names(code, &members)?;

    writeln!(code, "fn write_members<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {{")?;
    for member in &members {
        write_member_of_structure(code, message, member, row)?;
    }
    writeln!(code, "let _ = map; Ok(()) }}")?;

    writeln!(code, "fn is_name_used(&self, index: usize) -> bool {{ match index {{")?;
    for (i, member) in members.iter().enumerate() {
        writeln!(code, "{i} => {},", is_name_used(message, member, row))?;
    }
    writeln!(code, "_ => false }} }}")?;

    writeln!(
        code,
        "fn read_member<'de, D: serde::Deserializer<'de>>(&mut self, {READ_ARGUMENTS}) -> Result<(), D::Error> {{"
    )?;
    writeln!(code, "match index {{")?;
    for (i, member) in members.iter().enumerate() {
        match member {
            Member::Plain(field) => {
                writeln!(code, "{i} => self.{} = crate::json::field::Field::read(value, reader)?,", rust_name(field))?;
            }
            Member::Document { value, text } if map_entry(message, value).is_some() => writeln!(
                code,
                "{i} => (self.{}, self.{}) = crate::json::document::read_map(value, reader)?,",
                rust_name(value),
                rust_name(text)
            )?,
            Member::Document { value, text } => {
                let (oneof, form) = document_form(message, value);
                writeln!(
                    code,
                    "{i} => self.{oneof} = crate::json::document::read(value, reader)?.map(|document| match document {{"
                )?;
                write_document_variants(code, &form, value, text)?;
                writeln!(code, "}}),")?;
            }
        }
    }
    writeln!(code, "_ => drop((value, reader)), }} Ok(()) }}")?;

    let has_unrecognized = message.field.iter().any(|f| f.name() == "unrecognized");
    let (get, set) = if has_unrecognized {
        ("self.unrecognized.as_ref()", "self.unrecognized = Some(members);")
    } else {
        ("None", "drop(members);")
    };
    writeln!(code, "fn unrecognized(&self) -> Option<&crate::r#type::v1::Document> {{ {get} }}")?;
    writeln!(code, "fn set_unrecognized(&mut self, members: crate::r#type::v1::Document) {{ {set} }}")?;
    writeln!(code, "}}")?;
    write_aws_json(
        code,
        name,
        "crate::json::structure::write(self, serializer)",
        "crate::json::structure::read(deserializer, reader).map(Some)",
    )
}

/// Whether the member is in the body, and not in the path, the query or a header.
fn is_in_body(field: &FieldDescriptorProto, row: &Message) -> bool {
    row.member(field.json_name()).is_none_or(|member| !member.place.is_bound())
}

/// Whether the member is a list that AWS requires. It is written even when it is empty (`toolResult.content: []`).
fn is_required_list(field: &FieldDescriptorProto, row: &Message) -> bool {
    row.member(field.json_name()).is_some_and(|m| m.required && m.field_type.starts_with("repeated "))
}

/// The expression that says whether the JSON name of a member is used: the message writes it, or it is not in the body.
fn is_name_used(message: &DescriptorProto, member: &Member<'_>, row: &Message) -> String {
    match member {
        Member::Plain(field) if is_in_body(field, row) && !is_required_list(field, row) => {
            format!("!crate::json::field::Field::is_unset(&self.{})", rust_name(field))
        }
        Member::Plain(_) => "true".to_owned(),
        Member::Document { value, text } if map_entry(message, value).is_some() => {
            format!("!self.{}.is_empty() || self.{}.is_some()", rust_name(value), rust_name(text))
        }
        Member::Document { value, .. } => format!("self.{}.is_some()", document_form(message, value).0),
    }
}

fn write_member_of_structure(
    code: &mut String,
    message: &DescriptorProto,
    member: &Member<'_>,
    row: &Message,
) -> std::fmt::Result {
    match member {
        Member::Plain(field) => {
            if !is_in_body(field, row) {
                return Ok(());
            }
            let write = if is_required_list(field, row) { "write_required" } else { "write_field" };
            writeln!(code, "crate::json::field::{write}({:?}, &self.{}, map)?;", field.json_name(), rust_name(field))
        }
        Member::Document { value, text } if map_entry(message, value).is_some() => writeln!(
            code,
            "crate::json::document::write_map({:?}, {:?}, &self.{}, self.{}.as_deref(), map)?;",
            value.json_name(),
            text.json_name(),
            rust_name(value),
            rust_name(text)
        ),
        Member::Document { value, text } => {
            let (oneof, form) = document_form(message, value);
            writeln!(code, "match &self.{oneof} {{ None => {{}}")?;
            write_document_arms(code, &form, value, text)?;
            writeln!(code, "}}")
        }
    }
}

/// The field of the oneof that holds a document's two forms, and the path of its enum.
fn document_form(message: &DescriptorProto, value: &FieldDescriptorProto) -> (String, String) {
    let oneof = message.oneof_decl[usize::try_from(value.oneof_index()).unwrap_or_default()].name();
    (oneof.to_owned(), format!("{}::{}", message.name().to_snake_case(), oneof.to_upper_camel_case()))
}

/// The arms of a match that write a document.
fn write_document_arms(
    code: &mut String,
    form: &str,
    value: &FieldDescriptorProto,
    text: &FieldDescriptorProto,
) -> std::fmt::Result {
    let (name, text_name) = (value.json_name(), text.json_name());
    writeln!(
        code,
        "Some({form}::{}(value)) => crate::json::document::write_value({name:?}, value, map)?,",
        variant(value)
    )?;
    writeln!(
        code,
        "Some({form}::{}(text)) => crate::json::document::write_text({name:?}, {text_name:?}, text, map)?,",
        variant(text)
    )
}

/// The arms of a match that put a document into its oneof.
fn write_document_variants(
    code: &mut String,
    form: &str,
    value: &FieldDescriptorProto,
    text: &FieldDescriptorProto,
) -> std::fmt::Result {
    writeln!(code, "crate::json::document::Document::Value(value) => {form}::{}(value),", variant(value))?;
    writeln!(code, "crate::json::document::Document::Text(text) => {form}::{}(text),", variant(text))
}

fn write_union(code: &mut String, message: &DescriptorProto) -> std::fmt::Result {
    let oneof = message.oneof_decl[0].name();
    let kind = format!("{}::{}", message.name().to_snake_case(), oneof.to_upper_camel_case());
    let mut members = members(message);
    members.retain(|member| match member {
        Member::Plain(field) | Member::Document { value: field, .. } => in_oneof(field),
    });
    writeln!(code, "impl crate::json::Union for {kind} {{")?;
    write_names(code, &members)?;

    writeln!(
        code,
        "fn read_member<'de, D: serde::Deserializer<'de>>({READ_ARGUMENTS}) -> Result<Option<Self>, D::Error> {{"
    )?;
    writeln!(code, "Ok(match index {{")?;
    for (i, member) in members.iter().enumerate() {
        match member {
            Member::Plain(field) => writeln!(
                code,
                "{i} => crate::json::field::Field::read(value, reader).map(|value: Option<_>| value.map(Self::{}))?,",
                variant(field)
            )?,
            Member::Document { value, text } => {
                writeln!(code, "{i} => crate::json::document::read(value, reader)?.map(|document| match document {{")?;
                write_document_variants(code, "Self", value, text)?;
                writeln!(code, "}}),")?;
            }
        }
    }
    writeln!(code, "_ => {{ drop((value, reader)); None }} }}) }}")?;

    writeln!(code, "fn write_member<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {{")?;
    writeln!(code, "match self {{")?;
    for member in &members {
        match member {
            Member::Plain(field) => writeln!(
                code,
                "Self::{}(value) => map.serialize_entry({:?}, &crate::json::value::Json(value)),",
                variant(field),
                field.json_name()
            )?,
            Member::Document { value, text } => {
                let (name, text_name) = (value.json_name(), text.json_name());
                writeln!(
                    code,
                    "Self::{}(value) => crate::json::document::write_value({name:?}, value, map),",
                    variant(value)
                )?;
                writeln!(
                    code,
                    "Self::{}(text) => crate::json::document::write_text({name:?}, {text_name:?}, text, map),",
                    variant(text)
                )?;
            }
        }
    }
    writeln!(code, "Self::Unrecognized(document) => crate::json::union::write_unrecognized(document, map),")?;
    writeln!(code, "}} }}")?;
    writeln!(
        code,
        "fn unrecognized(document: crate::r#type::v1::Document) -> Self {{ Self::Unrecognized(document) }}"
    )?;
    writeln!(code, "}}")?;
    write_aws_json(
        code,
        message.name(),
        &format!("crate::json::union::write(&self.{oneof}, serializer)"),
        &format!(
            "Ok(crate::json::union::read(deserializer, reader)?.map(|member| Self {{ {oneof}: Some(member), ..Default::default() }}))"
        ),
    )
}

fn write_list(code: &mut String, message: &DescriptorProto) -> std::fmt::Result {
    write_aws_json(
        code,
        message.name(),
        "crate::json::list::write(&self.values, serializer)",
        "Ok(Some(Self { values: crate::json::list::read(deserializer, reader)? }))",
    )
}

fn write_aws_json(code: &mut String, name: &str, write: &str, read: &str) -> std::fmt::Result {
    writeln!(
        code,
        "impl crate::json::AwsJson for {name} {{
            fn write<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {{ {write} }}
            fn read<'de, D: serde::Deserializer<'de>>(deserializer: D, reader: &mut crate::json::Reader)
                -> Result<Option<Self>, D::Error> {{ {read} }}
        }}"
    )
}

/// The name that prost gives the field.
fn rust_name(field: &FieldDescriptorProto) -> String {
    format!("r#{}", field.name())
}

/// The name that prost gives the field's variant in a oneof.
fn variant(field: &FieldDescriptorProto) -> String {
    field.name().to_upper_camel_case()
}
