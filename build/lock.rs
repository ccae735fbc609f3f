//! The lock files (`proto/*.lock.toml`): what AWS's model says about each message and operation. `docs/schema.md` describes
//! them.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// One AWS service.
#[derive(Deserialize)]
pub(crate) struct Lock {
    pub(crate) service: Service,
    #[serde(default, rename = "operation")]
    pub(crate) operations: BTreeMap<String, Operation>,
    #[serde(default, rename = "message")]
    pub(crate) messages: BTreeMap<String, Message>,
}

impl Lock {
    /// The row of a message.
    pub(crate) fn message(&self, name: &str) -> Result<&Message, String> {
        self.messages.get(name).ok_or_else(|| format!("the lock of {} has no message {name}", self.service.package))
    }
}

/// The names of a service at AWS and in the schema.
#[derive(Deserialize)]
pub(crate) struct Service {
    pub(crate) aws: String,
    pub(crate) id: String,
    pub(crate) endpoint_prefix: String,
    pub(crate) signing_name: String,
    pub(crate) package: String,
    pub(crate) service: String,
}

/// An operation of AWS.
#[derive(Deserialize)]
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) uri: String,
    #[serde(default = "ok")]
    pub(crate) status: u16,
    pub(crate) request: String,
    pub(crate) response: String,
    pub(crate) request_payload: Payload,
    pub(crate) response_payload: Payload,
    #[serde(default)]
    pub(crate) read_only: bool,
    #[serde(default)]
    pub(crate) idempotent: bool,
    #[serde(default)]
    pub(crate) stream_headers: Vec<String>,
}

fn ok() -> u16 {
    200
}

/// The kind of the body of a request or a response.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Payload {
    None,
    Json,
    Member,
    Blob,
    Events,
}

/// A message, and the AWS shape that it is.
#[derive(Deserialize)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) members: Vec<Member>,
}

impl Message {
    /// The row of the member with this name.
    pub(crate) fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.name == name)
    }
}

/// The form of a message in AWS's JSON.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// An object with any of its members.
    Structure,
    /// An object with exactly one member. The message has one oneof.
    Union,
    /// A list in a place where protobuf allows a list only inside a message.
    List,
}

/// A member of a shape.
#[derive(Deserialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) field_type: String,
    #[serde(default)]
    pub(crate) codec: String,
    #[serde(default)]
    pub(crate) place: Place,
    #[serde(default)]
    pub(crate) wire: String,
    #[serde(default)]
    pub(crate) required: bool,
    #[serde(default)]
    pub(crate) token: bool,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) pattern: Option<String>,
}

/// Where a member is in the HTTP request or response.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    #[default]
    Body,
    Payload,
    Path,
    Query,
    Header,
    Headers,
}

impl Place {
    /// Whether the member is outside of the body.
    pub(crate) fn is_bound(self) -> bool {
        !matches!(self, Self::Body | Self::Payload)
    }
}

/// All lock files of `folder`, by their protobuf packages.
pub(crate) fn read_all(folder: &Path) -> Result<BTreeMap<String, Lock>, Box<dyn Error>> {
    let mut locks = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".lock.toml") {
            let text = fs::read_to_string(&path)?;
            let lock: Lock = toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
            locks.insert(lock.service.package.clone(), lock);
        }
    }
    Ok(locks)
}
