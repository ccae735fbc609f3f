//! The operations of AWS as data: method, path, and which member of a message is where in the HTTP request or response.
//!
//! build.rs writes a row for each operation from the lock files, and implements [`OperationRequest`] and
//! [`OperationResponse`] for its messages. So code that builds HTTP requests needs no line for an operation or a member:
//!
//! ```text
//! let row = Request::OPERATION;                        // method, URI template, gRPC path, kind of the body
//! request.visit_bound(&mut |binding, name, value| …)?; // members of the path, the query and the headers, as text
//! let body = request.encode_payload()?;                // JSON, a blob's own bytes, or none
//! ```

mod text;

use bytes::Bytes;

use crate::json::{DocumentForm, Invalid, Undecodable};
pub use text::{BoundField, TimestampForm};

/// An AWS service.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// AWS's short name, as `bedrock-runtime`.
    pub name: &'static str,
    /// The name that AWS's SDKs use, as `Bedrock Runtime`.
    pub id: &'static str,
    /// The first label of the endpoint's host name.
    pub endpoint_prefix: &'static str,
    /// The service's name in a SigV4 signature.
    pub signing_name: &'static str,
    /// The gRPC service, as `bedrock.runtime.v1.BedrockRuntimeService`.
    pub grpc_service: &'static str,
}

/// An operation of AWS, and its RPC.
#[derive(Debug, PartialEq)]
pub struct Operation {
    /// AWS's name, as `Converse`.
    pub name: &'static str,
    /// The service that has the operation.
    pub service: &'static Service,
    /// The RPC's path, as `/bedrock.runtime.v1.BedrockRuntimeService/Converse`.
    pub grpc_path: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The URI template of the path, as `/model/{modelId}/converse`. A label is the wire name of a binding whose place is
    /// [`Place::Path`]. `{name+}` keeps slashes.
    pub uri: &'static str,
    /// The HTTP status of a success.
    pub status: u16,
    /// AWS marks the operation as read-only.
    pub read_only: bool,
    /// AWS marks the operation as idempotent: the same request with the same token has one effect.
    pub idempotent: bool,
    /// The RPC's kind.
    pub stream: StreamKind,
    /// The kind of the request's body.
    pub request_payload: PayloadKind,
    /// The kind of the response's body.
    pub response_payload: PayloadKind,
    /// Members of the request that are not in the body, in the order of their fields.
    pub request_bindings: &'static [Binding],
    /// Members of the response that come from headers.
    pub response_bindings: &'static [Binding],
    /// Headers of a streamed response that no field has, because each message of the stream is one event.
    pub stream_headers: &'static [&'static str],
    /// The member that is an idempotency token.
    pub idempotency_token: Option<&'static str>,
}

/// Which sides of an RPC are streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// One request, one response.
    Unary,
    /// One request, a stream of events.
    Response,
    /// A stream both ways.
    Both,
}

/// The kind of an HTTP body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadKind {
    /// There is no body.
    None,
    /// The message as JSON, without its bound members.
    Json,
    /// One member as JSON.
    Member,
    /// One member's own bytes.
    Blob,
    /// An event stream.
    Events,
}

/// Where a member is, if it is not in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A label of the URI template.
    Path,
    /// A query parameter. A list is a parameter for each of its entries.
    Query,
    /// A header.
    Header,
    /// A map whose entries are headers: the wire name is their prefix.
    Headers,
}

/// A member of a request or a response that is not in the body.
#[derive(Debug, PartialEq)]
pub struct Binding {
    /// AWS's name of the member, which is the field's JSON name.
    pub member: &'static str,
    /// Where it is.
    pub place: Place,
    /// The label, the parameter or the header (in AWS's spelling).
    pub name: &'static str,
    /// AWS marks the member as required.
    pub required: bool,
    /// The minimum number of characters of a text, or the minimum value of a number.
    pub min: Option<f64>,
    /// The maximum number of characters of a text, or the maximum value of a number.
    pub max: Option<f64>,
    /// AWS's regular expression for the whole value. Its dialect is ECMAScript's.
    pub pattern: Option<&'static str>,
}

/// A message that is the request of an operation.
pub trait OperationRequest: Sized {
    /// The message of the response, or of one event of it.
    type Response: OperationResponse;

    /// The operation.
    const OPERATION: &'static Operation;

    /// Calls `visit` for each bound member that is set, with its name on the wire and its value as text. Neither is
    /// percent-encoded.
    ///
    /// # Errors
    /// [`Invalid`] if a value cannot be written as text, for example a timestamp whose nanoseconds are out of range.
    fn visit_bound(&self, visit: &mut dyn FnMut(&'static Binding, &str, &str)) -> Result<(), Invalid>;

    /// The body: empty for [`PayloadKind::None`] and [`PayloadKind::Events`].
    ///
    /// # Errors
    /// [`Invalid`] if the message cannot be written as JSON.
    fn encode_payload(&self) -> Result<Bytes, Invalid>;

    /// The field that is an idempotency token, if the operation has one.
    fn idempotency_token(&mut self) -> Option<&mut Option<String>> {
        None
    }
}

/// A message that is the response of an operation, or one event of it.
pub trait OperationResponse: Sized {
    /// The operation.
    const OPERATION: &'static Operation;

    /// Reads a whole body. `documents` and `unknown` are those of [`crate::json::decode_with`]. A response that is an event stream has no
    /// whole body: its message is empty.
    ///
    /// # Errors
    /// [`Undecodable`] if the body is not the JSON that the schema expects.
    fn decode_payload(body: Bytes, documents: DocumentForm, unknown: impl FnMut(&str)) -> Result<Self, Undecodable>;

    /// Sets the member that `binding` (one of [`Operation::response_bindings`]) describes, from the header `name`. Returns
    /// whether the value could be read.
    fn set_bound(&mut self, binding: &Binding, name: &str, value: &str) -> bool;
}

/// The expected size of a message's JSON, from its size as protobuf. Base64 makes 4 bytes of 3, and member names and quotes
/// add the rest. A body that needs more is copied once.
fn json_size(message: &impl prost::Message) -> usize {
    message.encoded_len() / 2 * 3 + 512
}

include!(concat!(env!("OUT_DIR"), "/operations.rs"));
