//! AWS JSON: writes a message as the body that Bedrock expects, and reads Bedrock's bodies and events as messages.
//!
//! build.rs writes one line of macro for each message (`structure!`, `union!`, `list!`). The macros say which JSON member
//! is which field. The type of a field says how its value is written and read (trait [`AwsJson`]).
//! Nothing here passes through `serde_json::Value`, which would sort the keys of documents and round 64-bit integers.

mod blob;
pub(crate) mod document;
pub(crate) mod field;
mod float;
mod integer;
pub(crate) mod list;
mod reader;
mod reject;
mod scalar;
pub(crate) mod structure;
mod timestamp;
pub(crate) mod union;
mod unrecognized;
pub(crate) mod value;

use bytes::Bytes;
use serde::de::{DeserializeSeed as _, Deserializer};
use serde::ser::Serializer;

pub use document::DocumentForm;
pub use reader::Reader;
pub use union::Union;

use reader::ValueSeed;
use value::Json;

/// A value in AWS's JSON: a scalar, a message, a list message.
pub trait AwsJson: Sized {
    /// Writes the value.
    ///
    /// # Errors
    /// The serializer's error, or a rejection of a value that JSON or Bedrock cannot represent.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads a value that is not null. Returns `None` for a union without a member.
    ///
    /// # Errors
    /// The deserializer's, when the JSON does not fit the type.
    fn read<'de, D: Deserializer<'de>>(deserializer: D, reader: &mut Reader) -> Result<Option<Self>, D::Error>;
}

/// A request that cannot be written as JSON: an empty union, a document that is not JSON, a number that JSON lacks.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct Invalid {
    /// The offending field by its JSON names, as `messages[0].content[2].toolUse.inputJson`.
    pub path: String,
    /// What is wrong with the field. Never quotes the field's value.
    pub reason: String,
}

/// A body or an event from Bedrock that does not fit the schema.
///
/// serde's own text quotes values, that is prompts and generated text, so only the position is kept.
#[derive(Debug, thiserror::Error)]
#[error("not the JSON that the schema expects, at line {line} column {column}")]
pub struct Undecodable {
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for Undecodable {
    fn from(e: serde_json::Error) -> Self {
        Self { line: e.line(), column: e.column() }
    }
}

/// Writes `message` as AWS JSON. `size_hint` is the expected length in bytes, so that a large body is not copied while it
/// grows.
///
/// # Errors
/// [`Invalid`] with the name of the field, when the message has a value that JSON or Bedrock cannot represent.
pub fn encode<T: AwsJson>(message: &T, size_hint: usize) -> Result<Bytes, Invalid> {
    let mut body = Vec::with_capacity(size_hint);
    match message.write(&mut serde_json::Serializer::new(&mut body)) {
        Ok(()) => Ok(body.into()),
        Err(error) => Err(locate(message, &error)),
    }
}

/// Finds the path of an error by writing the message a second time: tracking the path costs time on every field.
fn locate<T: AwsJson>(message: &T, error: &serde_json::Error) -> Invalid {
    let mut sink = serde_json::Serializer::new(std::io::sink());
    match serde_path_to_error::serialize(&Json(message), &mut sink) {
        Err(e) => Invalid { path: e.path().to_string(), reason: e.inner().to_string() },
        Ok(()) => Invalid { path: ".".to_owned(), reason: error.to_string() },
    }
}

/// Reads an AWS JSON body, with documents as exact text. See [`decode_with`].
///
/// # Errors
/// [`Undecodable`] when the body is not JSON or does not fit the schema.
pub fn decode<T: AwsJson + Default>(body: &[u8], unknown: impl FnMut(&str)) -> Result<T, Undecodable> {
    decode_with(DocumentForm::Text, body, unknown)
}

/// Reads an AWS JSON body. Documents take the form `documents`. `unknown` receives the name of each member that the schema
/// does not have, as `usage.serverToolUsage`. Such a member is kept in its message's `unrecognized`.
///
/// # Errors
/// [`Undecodable`] when the body is not JSON or does not fit the schema.
pub fn decode_with<T: AwsJson + Default>(
    documents: DocumentForm,
    body: &[u8],
    unknown: impl FnMut(&str),
) -> Result<T, Undecodable> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut reader = Reader::new(documents);
    let message = ValueSeed::new(&mut reader).deserialize(&mut json)?;
    json.end()?;
    reader.report_unknown("", unknown);
    Ok(message.unwrap_or_default())
}

/// Reads one event of an event stream, with documents as exact text. See [`decode_event_with`].
///
/// # Errors
/// [`Undecodable`] when the payload is not JSON or does not fit the schema.
pub fn decode_event<U: Union>(
    event: &str,
    payload: &[u8],
    unknown: impl FnMut(&str),
) -> Result<Option<U>, Undecodable> {
    decode_event_with(DocumentForm::Text, event, payload, unknown)
}

/// Reads one event of an event stream: the member of `U` that its `:event-type` names. An event that the schema does not
/// know becomes `unrecognized`, word for word. `unknown` receives the names of unknown members as in [`decode_with`].
/// The padding of an event, `p`, is left out. The result is `None` when the payload is null.
///
/// # Errors
/// [`Undecodable`] when the payload is not JSON or does not fit the schema.
pub fn decode_event_with<U: Union>(
    documents: DocumentForm,
    event: &str,
    payload: &[u8],
    mut unknown: impl FnMut(&str),
) -> Result<Option<U>, Undecodable> {
    let payload = if payload.is_empty() { b"{}" } else { payload };
    let Some(index) = U::index(event) else {
        unknown(event);
        // The schema has no field for an event whose payload is not JSON. It must not end the stream.
        let Ok(payload) = serde_json::from_slice(payload) else { return Ok(None) };
        return Ok(Some(U::unrecognized(unrecognized::one_member(event, payload))));
    };
    let mut json = serde_json::Deserializer::from_slice(payload);
    let mut reader = Reader::new(documents);
    reader.expect_padding();
    let member = U::read_member(index, &mut json, &mut reader)?;
    json.end()?;
    reader.report_unknown(event, unknown);
    Ok(member)
}
