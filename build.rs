//! Compiles proto/ to Rust: prost's messages, tonic's services, the descriptor set for reflection, and the serde
//! attributes that make each message, read as JSON, Bedrock's own JSON.
//!
//! prost looks attributes up by path and takes every match, a path's prefixes and suffixes included. So only full paths
//! are used, and unions get their impls from the `union!` macro, which needs no attribute at all.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};
use tonic_prost_build::Builder;

/// Lists that AWS marks required: written even when empty (`toolResult.content: []`). Any other empty list is left out.
/// tests/aws_model.rs holds this against AWS's model.
const REQUIRED_LISTS: &[&str] = &[
    "ApplyGuardrailRequest.content",
    "ApplyGuardrailResponse.outputs",
    "ApplyGuardrailResponse.assessments",
    "GuardrailChecksContentFilterConfig.categories",
    "GuardrailChecksContentFilterResult.results",
    "GuardrailChecksMessage.content",
    "GuardrailChecksPromptAttackConfig.categories",
    "GuardrailChecksPromptAttackResult.results",
    "GuardrailChecksSensitiveInformationConfig.entities",
    "GuardrailChecksSensitiveInformationResult.results",
    "GuardrailContentPolicyAssessment.filters",
    "GuardrailSensitiveInformationPolicyAssessment.pii_entities",
    "GuardrailSensitiveInformationPolicyAssessment.regexes",
    "GuardrailTopicPolicyAssessment.topics",
    "GuardrailWordPolicyAssessment.custom_words",
    "GuardrailWordPolicyAssessment.managed_word_lists",
    "InvokeGuardrailChecksRequest.messages",
    "Message.content",
    "SearchResultBlock.content",
    "ToolConfiguration.tools",
    "ToolResultBlock.content",
];

/// Members that AWS binds to the path, and so are no part of the JSON body. (InvokeModel's messages and those of the two
/// GETs have no JSON body at all.)
const NOT_IN_BODY: &[&str] = &[
    "ApplyGuardrailRequest.guardrail_identifier",
    "ApplyGuardrailRequest.guardrail_version",
    "ConverseRequest.model_id",
    "ConverseStreamRequest.model_id",
    "CountTokensRequest.model_id",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=proto");
    let mut files = Vec::new();
    find_protos(Path::new("proto"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true).open_files(files)?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    fs::write(out.join("descriptor_set.bin"), compiler.encode_file_descriptor_set())?;

    let set = compiler.file_descriptor_set();
    let mut builder = tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        .emit_rerun_if_changed(false)
        // An RPC that AWS adds must not break whoever implements the service, as tests do.
        .generate_default_stubs(true);
    let mut unions = BTreeMap::<String, String>::new();
    for file in set.file.iter().filter(|f| f.package().starts_with("bedrock.")) {
        for message in &file.message_type {
            let path = format!(".{}.{}", file.package(), message.name());
            builder = match Shape::of(message) {
                Shape::Document => builder,
                Shape::List => list(builder, &path),
                Shape::Union => {
                    write_union(unions.entry(file.package().to_owned()).or_default(), message)?;
                    builder
                }
                Shape::Structure => structure(builder, &path, message),
            };
        }
    }
    for (package, text) in unions {
        fs::write(out.join(format!("{package}.unions.rs")), text)?;
    }
    builder.compile_fds(set)?;
    Ok(())
}

/// What a message stands for in AWS's JSON.
enum Shape {
    /// Any JSON; its serde is written by hand.
    Document,
    /// A list that proto3 cannot hold in place.
    List,
    /// A Smithy union: a message whose members stand in one oneof.
    Union,
    /// A plain structure.
    Structure,
}

impl Shape {
    fn of(message: &DescriptorProto) -> Self {
        match message.field.as_slice() {
            _ if message.name() == "Document" => Self::Document,
            [only] if only.name() == "values" && is_repeated(only) => Self::List,
            fields if fields.iter().any(in_oneof) => Self::Union,
            _ => Self::Structure,
        }
    }
}

fn find_protos(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_protos(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            found.push(path);
        }
    }
    Ok(())
}

fn is_repeated(field: &FieldDescriptorProto) -> bool {
    field.label() == Label::Repeated
}

/// `optional` makes a oneof of its own in the descriptor, which is none to the reader.
fn in_oneof(field: &FieldDescriptorProto) -> bool {
    field.oneof_index.is_some() && !field.proto3_optional()
}

fn list(builder: Builder, path: &str) -> Builder {
    builder
        .message_attribute(path, "#[derive(serde::Serialize, serde::Deserialize)] #[serde(transparent)]")
        .field_attribute(format!("{path}.values"), "#[serde(deserialize_with = \"crate::json::list::deserialize\")]")
}

fn structure(mut builder: Builder, path: &str, message: &DescriptorProto) -> Builder {
    builder = builder.message_attribute(path, "#[derive(serde::Serialize, serde::Deserialize)]");
    for field in &message.field {
        let short = format!("{}.{}", message.name(), field.name());
        let mut parts = vec![format!("rename = \"{}\", default", field.json_name())];
        let is_map = field.r#type() == Type::Message && is_entry(message, field.type_name());
        let empty = match (is_map, is_repeated(field)) {
            (true, _) => "std::collections::BTreeMap::is_empty",
            (_, true) => "Vec::is_empty",
            _ => "Option::is_none",
        };
        if NOT_IN_BODY.contains(&short.as_str()) {
            parts.push("skip_serializing".to_owned());
        } else if !REQUIRED_LISTS.contains(&short.as_str()) {
            parts.push(format!("skip_serializing_if = \"{empty}\""));
        }
        parts.extend(match (is_map, is_repeated(field), codec(field)) {
            (true, ..) => Some("deserialize_with = \"crate::json::list::deserialize_map\"".to_owned()),
            (_, true, _) => Some("deserialize_with = \"crate::json::list::deserialize\"".to_owned()),
            (.., Some(codec)) => Some(format!("with = \"crate::json::{codec}\"")),
            _ if field.r#type() == Type::Message => Some("serialize_with = \"crate::json::present\"".to_owned()),
            _ => None,
        });
        builder =
            builder.field_attribute(format!("{path}.{}", field.name()), format!("#[serde({})]", parts.join(", ")));
    }
    builder
}

/// The module of crate::json that a scalar of this type needs in place of serde's own.
fn codec(field: &FieldDescriptorProto) -> Option<&'static str> {
    match field.r#type() {
        Type::Bytes => Some("blob"),
        Type::Int32 | Type::Int64 => Some("integer"),
        Type::Float | Type::Double => Some("float"),
        Type::Message if field.type_name() == ".google.protobuf.Timestamp" => Some("timestamp"),
        _ => None,
    }
}

fn is_entry(message: &DescriptorProto, type_name: &str) -> bool {
    let name = type_name.rsplit('.').next();
    message.nested_type.iter().any(|n| Some(n.name()) == name && n.options.as_ref().is_some_and(|o| o.map_entry()))
}

/// `union! { ContentBlock, content_block { "text" => Text: plain, ... } }`
fn write_union(text: &mut String, message: &DescriptorProto) -> std::fmt::Result {
    let oneof = message.oneof_decl[0].name().to_upper_camel_case();
    write!(text, "crate::json::union::union! {{ {}, {}::{oneof} {{ ", message.name(), message.name().to_snake_case())?;
    for field in message.field.iter().filter(|f| in_oneof(f) && f.name() != "unrecognized") {
        let codec = codec(field).unwrap_or("plain");
        write!(text, "\"{}\" => {}: {codec}, ", field.json_name(), field.name().to_upper_camel_case())?;
    }
    writeln!(text, "}} {} }}", message.oneof_decl[0].name())
}
