//! Writes `operations.rs`: a row for each operation of the locks, and the traits of its messages (`src/operation`).

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};

use crate::lock::{Lock, Member, Message, Operation, Payload, Place};

/// The code for all services.
pub(crate) fn write(locks: &BTreeMap<String, Lock>) -> Result<String, Box<dyn Error>> {
    let mut code = String::new();
    let mut rows = Vec::new();
    for lock in locks.values() {
        let module = lock.service.aws.to_snake_case();
        write_service(&mut code, lock, &module)?;
        rows.extend(lock.operations.keys().map(|name| format!("&{module}::{}", name.to_shouty_snake_case())));
        for (name, operation) in &lock.operations {
            let row = format!("{module}::{}", name.to_shouty_snake_case());
            write_request(&mut code, lock, operation, &row).map_err(|e| format!("operation {name}: {e}"))?;
            write_response(&mut code, lock, operation, &row).map_err(|e| format!("operation {name}: {e}"))?;
        }
    }
    writeln!(code, "/// All operations of the schema.")?;
    writeln!(code, "pub static OPERATIONS: &[&Operation] = &[{}];", rows.join(", "))?;
    Ok(code)
}

fn write_service(code: &mut String, lock: &Lock, module: &str) -> Result<(), Box<dyn Error>> {
    let service = &lock.service;
    writeln!(code, "/// The operations of `{}`, AWS's service {}.", service.aws, service.id)?;
    writeln!(code, "pub mod {module} {{ use super::*;")?;
    writeln!(
        code,
        "/// The service.\npub static SERVICE: Service = Service {{ name: {:?}, id: {:?}, endpoint_prefix: {:?}, \
         signing_name: {:?}, grpc_service: {:?} }};",
        service.aws,
        service.id,
        service.endpoint_prefix,
        service.signing_name,
        format!("{}.{}", service.package, service.service)
    )?;
    for (name, operation) in &lock.operations {
        write_row(code, lock, name, operation)?;
    }
    writeln!(code, "}}")?;
    Ok(())
}

fn write_row(code: &mut String, lock: &Lock, name: &str, operation: &Operation) -> Result<(), Box<dyn Error>> {
    let stream = match (operation.request_payload, operation.response_payload) {
        (Payload::Events, _) => "Both",
        (_, Payload::Events) => "Response",
        _ => "Unary",
    };
    let path = format!("/{}.{}/{name}", lock.service.package, lock.service.service);
    let token = lock.message(&operation.request)?.members.iter().find(|m| m.token).map(|m| &m.name);
    writeln!(
        code,
        "/// `{} {}`\npub static {}: Operation = Operation {{",
        operation.method,
        operation.uri,
        name.to_shouty_snake_case()
    )?;
    writeln!(code, "name: {name:?}, service: &SERVICE, grpc_path: {path:?},")?;
    writeln!(code, "method: {:?}, uri: {:?}, status: {},", operation.method, operation.uri, operation.status)?;
    writeln!(code, "read_only: {}, idempotent: {},", operation.read_only, operation.idempotent)?;
    writeln!(code, "stream: StreamKind::{stream}, idempotency_token: {token:?},")?;
    writeln!(
        code,
        "request_payload: PayloadKind::{:?}, response_payload: PayloadKind::{:?},",
        operation.request_payload, operation.response_payload
    )?;
    writeln!(code, "request_bindings: &[{}],", bindings(lock.message(&operation.request)?))?;
    writeln!(code, "response_bindings: &[{}],", bindings(lock.message(&operation.response)?))?;
    writeln!(code, "stream_headers: &{:?},", operation.stream_headers)?;
    writeln!(code, "}};")?;
    Ok(())
}

fn bound(message: &Message) -> impl Iterator<Item = &Member> {
    message.members.iter().filter(|m| m.place.is_bound())
}

fn bindings(message: &Message) -> String {
    let row = |m: &Member| {
        format!(
            "Binding {{ member: {:?}, place: Place::{:?}, name: {:?}, required: {}, min: {:?}, max: {:?}, pattern: {:?} }}, ",
            m.name, m.place, m.wire, m.required, m.min, m.max, m.pattern
        )
    };
    bound(message).map(row).collect()
}

/// The Rust type of a message.
fn rust_type(lock: &Lock, name: &str) -> String {
    let module: Vec<_> = lock.service.package.split('.').skip(1).map(|part| format!("r#{part}")).collect();
    format!("crate::{}::{}", module.join("::"), name.to_upper_camel_case())
}

fn rust_field(member: &Member) -> String {
    format!("r#{}", member.name.to_snake_case())
}

fn write_request(code: &mut String, lock: &Lock, operation: &Operation, row: &str) -> Result<(), Box<dyn Error>> {
    let request = lock.message(&operation.request)?;
    writeln!(code, "impl OperationRequest for {} {{", rust_type(lock, &operation.request))?;
    writeln!(code, "type Response = {};", rust_type(lock, &operation.response))?;
    writeln!(code, "const OPERATION: &'static Operation = &{row};")?;
    writeln!(
        code,
        "fn visit_bound(&self, visit: &mut dyn FnMut(&'static Binding, &str, &str)) -> Result<(), Invalid> {{"
    )?;
    for (index, member) in bound(request).enumerate() {
        let (field, form) = (rust_field(member), timestamp_form(member)?);
        writeln!(code, "text::visit(&{row}.request_bindings[{index}], &self.{field}, {form}, visit)?;")?;
    }
    writeln!(code, "let _ = visit; Ok(()) }}")?;
    let payload = request.members.iter().find(|m| m.place == Place::Payload);
    let body = match (operation.request_payload, payload) {
        (Payload::Json, _) => "crate::json::encode(self, json_size(self))".to_owned(),
        (Payload::Member, Some(member)) => format!(
            "match &self.{0} {{ Some(value) => crate::json::encode(value, json_size(value)), None => Ok(Bytes::new()) }}",
            rust_field(member)
        ),
        (Payload::Blob, Some(member)) if member.field_type == "bytes" => {
            format!("Ok(self.{}.clone().unwrap_or_default())", rust_field(member))
        }
        (Payload::Blob, Some(member)) => format!("Ok(self.{}.clone().unwrap_or_default().into())", rust_field(member)),
        _ => "Ok(Bytes::new())".to_owned(),
    };
    writeln!(code, "fn encode_payload(&self) -> Result<Bytes, Invalid> {{ {body} }}")?;
    if let Some(member) = request.members.iter().find(|m| m.token) {
        let field = rust_field(member);
        writeln!(code, "fn idempotency_token(&mut self) -> Option<&mut Option<String>> {{ Some(&mut self.{field}) }}")?;
    }
    writeln!(code, "}}")?;
    Ok(())
}

fn write_response(code: &mut String, lock: &Lock, operation: &Operation, row: &str) -> Result<(), Box<dyn Error>> {
    let response = lock.message(&operation.response)?;
    writeln!(code, "impl OperationResponse for {} {{", rust_type(lock, &operation.response))?;
    writeln!(code, "const OPERATION: &'static Operation = &{row};")?;
    let payload = response.members.iter().find(|m| m.place == Place::Payload);
    let body = match (operation.response_payload, payload) {
        (Payload::Json, _) => "crate::json::decode_with(documents, &body, unknown)".to_owned(),
        (Payload::Member, Some(member)) => format!(
            "Ok(Self {{ {}: Some(crate::json::decode_with(documents, &body, unknown)?), ..Default::default() }})",
            rust_field(member)
        ),
        (Payload::Blob, Some(member)) if member.field_type == "bytes" => format!(
            "let _ = (documents, unknown); Ok(Self {{ {}: Some(body), ..Default::default() }})",
            rust_field(member)
        ),
        (Payload::Blob | Payload::Member, _) => return Err("this kind of response body has no rule".into()),
        (Payload::None | Payload::Events, _) => "let _ = (body, documents, unknown); Ok(Self::default())".to_owned(),
    };
    writeln!(
        code,
        "fn decode_payload(body: Bytes, documents: DocumentForm, unknown: impl FnMut(&str)) -> Result<Self, Undecodable> {{ {body} }}"
    )?;
    writeln!(code, "fn set_bound(&mut self, binding: &Binding, name: &str, value: &str) -> bool {{")?;
    writeln!(code, "let _ = (binding, name, value);")?;
    for member in bound(response) {
        let (field, form) = (rust_field(member), timestamp_form(member)?);
        writeln!(code, "if binding.member == {:?} {{", member.name)?;
        writeln!(code, "return text::set(binding, &mut self.{field}, {form}, name, value); }}")?;
    }
    writeln!(code, "false }}")?;
    writeln!(code, "}}")?;
    Ok(())
}

/// The form of a bound timestamp; for anything else it does not matter.
fn timestamp_form(member: &Member) -> Result<&'static str, String> {
    match member.codec.as_str() {
        "timestamp.iso8601" => Ok("TimestampForm::Iso8601"),
        "timestamp.rfc822" => Ok("TimestampForm::Rfc822"),
        "timestamp.unixTimestamp" => Ok("TimestampForm::UnixTimestamp"),
        "" | "integer" | "float" => Ok("TimestampForm::Iso8601"),
        other => Err(format!("{}: a value of kind {other} cannot be outside of the body", member.name)),
    }
}
