//! A request as Bedrock gets it: built once for all attempts of a call, signed for each.

use std::fmt::Write as _;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use percent_encoding::utf8_percent_encode;

use super::endpoint::{Endpoint, Service};
use super::identity::Authorization;
use super::signing::{PayloadHash, RESERVED, Signable};
use crate::error::Failure;

/// The name and version that Bedrock's operators see.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("bedrock-grpc/", env!("CARGO_PKG_VERSION")));

/// A request of any operation, complete but for host and signature.
pub(super) struct RequestTemplate {
    pub(super) service: Service,
    method: Method,
    /// Percent-encoded.
    path: String,
    /// Percent-encoded, without `?`.
    query: String,
    headers: HeaderMap,
    body: Bytes,
    payload: PayloadHash,
}

/// Collects the members of a request that AWS binds to path, query and headers.
pub(super) struct RequestBuilder {
    service: Service,
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
}

impl RequestBuilder {
    /// A request of `method` to `path`, which holds no labels.
    pub(super) fn new(service: Service, method: Method, path: &str) -> Self {
        Self { service, method, path: path.to_owned(), query: String::new(), headers: HeaderMap::new() }
    }

    /// Appends a label to the path. An ARN's slashes are part of it.
    ///
    /// # Errors
    /// [`Failure::Invalid`] for `.` and `..`, which every URL library takes for something else than a name.
    pub(super) fn label(mut self, field: &str, value: &str) -> Result<Self, Failure> {
        if matches!(value, "" | "." | "..") {
            let problem = "not an id or ARN".to_owned();
            return Err(Failure::Invalid { field: field.to_owned(), problem });
        }
        self.path.push('/');
        let _ = write!(self.path, "{}", utf8_percent_encode(value, RESERVED));
        Ok(self)
    }

    /// Appends to the path what stands between labels.
    pub(super) fn segment(mut self, text: &str) -> Self {
        self.path.push_str(text);
        self
    }

    /// Adds a query parameter.
    pub(super) fn query(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            if !self.query.is_empty() {
                self.query.push('&');
            }
            let _ = write!(self.query, "{name}={}", utf8_percent_encode(value, RESERVED));
        }
        self
    }

    /// Adds a header.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when the value cannot stand in a header.
    pub(super) fn header(mut self, field: &str, name: HeaderName, value: Option<&str>) -> Result<Self, Failure> {
        if let Some(value) = value {
            let problem = |_| "not the value of an HTTP header".to_owned();
            let value = HeaderValue::from_str(value).map_err(problem);
            let value = value.map_err(|problem| Failure::Invalid { field: field.to_owned(), problem })?;
            self.headers.insert(name, value);
        }
        Ok(self)
    }

    /// A request without a body.
    pub(super) fn empty(self) -> RequestTemplate {
        self.finish(Bytes::new())
    }

    /// A request with a body of JSON, or of what `content-type` says.
    pub(super) fn body(mut self, body: Bytes) -> RequestTemplate {
        self.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        self.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        self.finish(body)
    }

    /// A request whose body is a stream of events. Its signature covers an empty body.
    pub(super) fn event_stream(mut self) -> RequestTemplate {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.amazon.eventstream"));
        self.finish(Bytes::new())
    }

    fn finish(mut self, body: Bytes) -> RequestTemplate {
        self.headers.insert(USER_AGENT, AGENT);
        let payload = PayloadHash::new(&body);
        let Self { service, method, path, query, headers } = self;
        RequestTemplate { service, method, path, query, headers, body, payload }
    }
}

impl RequestTemplate {
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

    /// As [`RequestTemplate::authorize`]; the signature too, or nothing with an API key.
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
