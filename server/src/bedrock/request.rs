//! A request as Bedrock gets it: built once for all attempts of a call from the operation's row, signed for each.

use std::fmt::Write as _;
use std::time::SystemTime;

use bedrock_grpc_schema::operation::{Binding, Operation, OperationRequest, PayloadKind, Place, Service};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use percent_encoding::utf8_percent_encode;

use super::endpoint::Endpoint;
use super::identity::Authorization;
use super::signing::{PayloadHash, RESERVED, Signable};
use crate::error::Failure;

/// The name and version that Bedrock's operators see.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("bedrock-grpc/", env!("CARGO_PKG_VERSION")));

/// The largest value in a path, a query or a header, in bytes. AWS's rows have their own limits, the largest of them 2,048
/// characters; servers reject header fields beyond 8 KB.
const BOUND_VALUE_LIMIT: usize = 8 * 1024;

/// The largest path with its query in bytes. The `http` crate takes no more than 65,534.
const TARGET_LIMIT: usize = 32 * 1024;

/// A request of any operation, complete except for the host and the signature. All attempts of a call share it.
pub(crate) struct RequestTemplate {
    pub(super) service: &'static Service,
    method: Method,
    /// Percent-encoded.
    path: String,
    /// Percent-encoded, without `?`.
    query: String,
    headers: HeaderMap,
    body: Bytes,
    payload: PayloadHash,
}

impl RequestTemplate {
    /// Builds the HTTP request of `message` from the row of its operation.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when a member's value is not allowed where AWS binds it, or the message cannot be written as
    /// JSON.
    pub(crate) fn new<M: OperationRequest>(message: &M) -> Result<Self, Failure> {
        let parts = Parts::read(message)?;
        let body = message.encode_payload()?;
        let payload = PayloadHash::new(&body);
        parts.finish(body, payload)
    }

    /// The same request with the path of `message`, which names another model. The body is shared.
    ///
    /// # Errors
    /// [`Failure::Invalid`] as for [`RequestTemplate::new`].
    pub(crate) fn with_path_of<M: OperationRequest>(&self, message: &M) -> Result<Self, Failure> {
        Parts::read(message)?.finish(self.body.clone(), self.payload.clone())
    }
}

/// What the members of a message add to path, query and headers.
struct Parts {
    row: &'static Operation,
    path: String,
    query: String,
    headers: HeaderMap,
}

impl Parts {
    fn read<M: OperationRequest>(message: &M) -> Result<Self, Failure> {
        let mut parts = Self::new(M::OPERATION);
        let mut result = Ok(());
        message.visit_bound(&mut |binding, name, value| {
            if result.is_ok() {
                result = parts.add(binding, name, value);
            }
        })?;
        result.map(|()| parts)
    }

    fn new(row: &'static Operation) -> Self {
        let (path, query) = row.uri.split_once('?').unwrap_or((row.uri, ""));
        Self { row, path: path.to_owned(), query: query.to_owned(), headers: HeaderMap::new() }
    }

    fn add(&mut self, binding: &'static Binding, name: &str, value: &str) -> Result<(), Failure> {
        check_value(binding, value)?;
        match binding.place {
            Place::Path => self.add_label(binding, value),
            Place::Query => {
                let separator = if self.query.is_empty() { "" } else { "&" };
                let (name, value) = (utf8_percent_encode(name, RESERVED), utf8_percent_encode(value, RESERVED));
                let _ = write!(self.query, "{separator}{name}={value}");
                Ok(())
            }
            Place::Header | Place::Headers => {
                let name =
                    HeaderName::try_from(name).map_err(|_| invalid(binding, "not the name of an HTTP header"))?;
                let value =
                    HeaderValue::from_str(value).map_err(|_| invalid(binding, "not the value of an HTTP header"))?;
                self.headers.append(name, value);
                Ok(())
            }
        }
    }

    /// `{name}` is one segment, and an ARN's slashes are part of it. `{name+}` keeps slashes.
    fn add_label(&mut self, binding: &'static Binding, value: &str) -> Result<(), Failure> {
        if value.is_empty() {
            return Err(invalid(binding, "required: it is part of the path of the request to Bedrock"));
        }
        // URL libraries and servers do not treat these as names: they are the present and the parent folder.
        if value.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(invalid(binding, "not an id or ARN"));
        }
        let label = format!("{{{}}}", binding.name);
        if self.path.contains(&label) {
            self.path = self.path.replacen(&label, &utf8_percent_encode(value, RESERVED).to_string(), 1);
        } else {
            let parts: Vec<_> = value.split('/').map(|part| utf8_percent_encode(part, RESERVED).to_string()).collect();
            self.path = self.path.replacen(&format!("{{{}+}}", binding.name), &parts.join("/"), 1);
        }
        Ok(())
    }

    fn finish(mut self, body: Bytes, payload: PayloadHash) -> Result<RequestTemplate, Failure> {
        let row = self.row;
        // A label without a value would leave its braces, or an empty segment, in the path.
        let missing = row.request_bindings.iter().find(|b| b.place == Place::Path && self.is_label_missing(b));
        if let Some(binding) = missing {
            return Err(invalid(binding, "required: it is part of the path of the request to Bedrock"));
        }
        if self.path.len() + self.query.len() > TARGET_LIMIT {
            let problem = format!("its values are longer than {TARGET_LIMIT} bytes together");
            return Err(Failure::Invalid { field: row.name.to_owned(), problem });
        }
        let content_type = match row.request_payload {
            PayloadKind::None => None,
            PayloadKind::Events => Some(HeaderValue::from_static("application/vnd.amazon.eventstream")),
            // A model's own body is JSON unless the request says otherwise.
            PayloadKind::Json | PayloadKind::Member | PayloadKind::Blob => {
                self.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
                Some(HeaderValue::from_static("application/json"))
            }
        };
        if let Some(content_type) = content_type {
            self.headers.entry(CONTENT_TYPE).or_insert(content_type);
        }
        self.headers.insert(USER_AGENT, AGENT);
        let method = Method::from_bytes(row.method.as_bytes()).unwrap_or(Method::POST);
        let Self { path, query, headers, .. } = self;
        Ok(RequestTemplate { service: row.service, method, path, query, headers, body, payload })
    }

    fn is_label_missing(&self, label: &Binding) -> bool {
        self.path.contains(&format!("{{{}", label.name))
    }
}

/// Checks a value against the row's limits, so that it fits a header, a path and the log.
fn check_value(binding: &'static Binding, value: &str) -> Result<(), Failure> {
    // The limit of a number is a limit of its value, which Bedrock checks.
    let is_number = value.parse::<f64>().is_ok();
    let limit = binding.max.filter(|_| !is_number || binding.pattern.is_some());
    if let Some(limit) = limit
        && value.chars().count() as f64 > limit
    {
        return Err(invalid(binding, &format!("longer than {limit} characters")));
    }
    let is_header = matches!(binding.place, Place::Header | Place::Headers);
    if is_header && !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(invalid(binding, "a header can only have printable ASCII characters"));
    }
    if value.len() > BOUND_VALUE_LIMIT {
        return Err(invalid(binding, &format!("longer than {BOUND_VALUE_LIMIT} bytes")));
    }
    Ok(())
}

fn invalid(binding: &Binding, problem: &str) -> Failure {
    Failure::Invalid { field: binding.member.to_owned(), problem: problem.to_owned() }
}
impl RequestTemplate {
    /// Adds a header, as the SDK adds some about itself.
    #[cfg(test)]
    pub(super) fn insert_header(&mut self, name: &'static str, value: &str) {
        self.headers.insert(name, value.parse().unwrap());
    }

    /// The request to `endpoint`, signed or with the API key.
    ///
    /// # Errors
    /// [`Failure::NoCredentials`] when the credentials cannot sign.
    pub(super) fn authorize(
        &self,
        endpoint: &Endpoint,
        authorization: &Authorization,
        region: &str,
        time: SystemTime,
    ) -> Result<Request<Bytes>, Failure> {
        self.sign(endpoint, authorization, region, time).map(|(request, _)| request)
    }

    /// Does the same as [`RequestTemplate::authorize`], and also returns the signature. It is empty with an API key.
    ///
    /// # Errors
    /// The same.
    pub(super) fn sign(
        &self,
        endpoint: &Endpoint,
        authorization: &Authorization,
        region: &str,
        time: SystemTime,
    ) -> Result<(Request<Bytes>, String), Failure> {
        let mut headers = self.headers.clone();
        let mut signature = String::new();
        let path = format!("{}{}", endpoint.prefix, self.path);
        match authorization {
            Authorization::Bearer(value) => {
                headers.insert(AUTHORIZATION, value.clone());
            }
            Authorization::Signature(signer) => {
                let signable = Signable {
                    method: &self.method,
                    authority: endpoint.host.origin().authority(),
                    path: &path,
                    query: &self.query,
                    payload: &self.payload,
                };
                let signed = signer.sign(&signable, &mut headers, region, time);
                signature = signed.map_err(|error| Failure::NoCredentials(error.to_string()))?;
            }
        }
        let target = if self.query.is_empty() { path } else { format!("{path}?{}", self.query) };
        let mut parts = endpoint.base.clone().into_parts();
        let unbuildable = |error: &dyn std::fmt::Display| Failure::Unreachable(format!("no request: {error}"));
        parts.path_and_query = Some(PathAndQuery::try_from(target).map_err(|error| unbuildable(&error))?);
        let uri = Uri::from_parts(parts).map_err(|error| unbuildable(&error))?;
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok((request, signature))
    }
}
