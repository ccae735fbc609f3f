//! AWS JSON: how a message becomes the body that Bedrock takes, and how Bedrock's answers become messages.
//!
//! The messages derive serde by attributes that build.rs computes; the modules below hold what a derive cannot say.
//! Nothing here passes through `serde_json::Value`, which would sort the keys of documents and round 64-bit integers.

pub(crate) mod blob;
mod document;
pub(crate) mod float;
pub(crate) mod integer;
pub(crate) mod list;
pub(crate) mod timestamp;
pub(crate) mod union;

use std::fmt::Display;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::ser::{Error as _, Serialize, Serializer};

pub use union::Union;

/// A request that cannot be written as JSON: an empty union, a document that is no JSON, a number that JSON lacks.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct Invalid {
    /// The offending field by its JSON names, as `messages[0].content[2].toolUse.input`.
    pub path: String,
    /// What is wrong with it. Never quotes the field's value.
    pub reason: String,
}

/// A body or an event of Bedrock's that does not fit the schema.
///
/// serde's own text quotes values, that is prompts and answers, so only the place is kept.
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
/// [`Invalid`], naming the field, when the message holds what JSON or Bedrock has no form for.
pub fn encode<T: Serialize>(message: &T, size_hint: usize) -> Result<Bytes, Invalid> {
    let mut body = Vec::with_capacity(size_hint);
    match serde_json::to_writer(&mut body, message) {
        Ok(()) => Ok(body.into()),
        Err(error) => Err(locate(message, &error)),
    }
}

/// The path of an error is looked for only once there is one: tracking it costs time on every field.
fn locate<T: Serialize>(message: &T, error: &serde_json::Error) -> Invalid {
    let mut sink = serde_json::Serializer::new(std::io::sink());
    match serde_path_to_error::serialize(message, &mut sink) {
        Err(e) => Invalid { path: e.path().to_string(), reason: e.inner().to_string() },
        Ok(()) => Invalid { path: ".".to_owned(), reason: error.to_string() },
    }
}

/// Fails where `serializer` stands. An error that is merely returned is noted at its parent's path; one from a call of the
/// serializer's at its own.
fn refuse<S: Serializer>(serializer: S, reason: impl Display) -> Result<S::Ok, S::Error> {
    struct Refused<D>(D);
    impl<D: Display> Serialize for Refused<D> {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom(&self.0))
        }
    }
    serializer.serialize_some(&Refused(reason))
}

/// Writes an optional message. Serde's own Option goes by way of `serialize_some`, where the path would be lost.
pub(crate) fn present<T: Serialize, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => serializer.serialize_none(),
    }
}

/// Reads an AWS JSON body. `unknown` is told the name of each member of a plain structure that the schema does not have,
/// as `usage.serverToolUsage`; such a member is left out.
///
/// # Errors
/// [`Undecodable`] when the body is no JSON or does not fit the schema.
pub fn decode<T: DeserializeOwned>(body: &[u8], mut unknown: impl FnMut(&str)) -> Result<T, Undecodable> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let message = serde_ignored::deserialize(&mut reader, |path| unknown(&member_name(&path)))?;
    reader.end()?;
    Ok(message)
}

/// Reads one event of an event stream: the member of `U` that its `:event-type` names. An event that the schema does not
/// know becomes `unrecognized`, word for word. `unknown` is told of unknown members as in [`decode`]; a stream's padding,
/// `p`, is none.
///
/// # Errors
/// [`Undecodable`] when the payload is no JSON or does not fit the schema.
pub fn decode_event<U: Union>(
    event: &str,
    payload: &[u8],
    mut unknown: impl FnMut(&str),
) -> Result<Option<U>, Undecodable> {
    let payload = if payload.is_empty() { b"{}" } else { payload };
    let Some(index) = U::NAMES.iter().position(|name| *name == event) else {
        return Ok(Some(U::unrecognized(document::named(event, serde_json::from_slice(payload)?)?)));
    };
    let mut reader = serde_json::Deserializer::from_slice(payload);
    let mut ignored = |path: serde_ignored::Path<'_>| {
        let name = member_name(&path);
        // Bedrock pads every event with a random run of letters against traffic analysis.
        if name != "p" {
            unknown(&format!("{event}.{name}"));
        }
    };
    let member = U::decode(index, serde_ignored::Deserializer::new(&mut reader, &mut ignored))?;
    reader.end()?;
    Ok(member)
}

/// `output.message.content.toolUse.mood`: names only, as indices would make a name of every element.
fn member_name(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Map { parent, key } => match member_name(parent) {
            prefix if prefix.is_empty() => key.clone(),
            prefix => format!("{prefix}.{key}"),
        },
        Path::Seq { parent, .. }
        | Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => member_name(parent),
    }
}
