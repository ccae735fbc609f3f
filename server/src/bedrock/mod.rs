//! Sends a call to Bedrock: an operation, a model, a Region and a body go in; headers and a body come back.
//!
//! `identity` has the credentials, `endpoint` the address, `request` the HTTP request by the operation's row, `signing` its
//! signature, `connections` the sockets, `frames` the events of a response. `upstream` puts them together.
//!
//! Architecture Invariant: no type of the AWS SDK is visible above this module.

mod bidirectional;
mod body;
mod connections;
mod endpoint;
mod event_stream;
mod failure;
mod frames;
mod identity;
#[cfg(test)]
mod oracle;
mod region;
mod request;
mod retry_budget;
mod sdk;
mod signing;
mod upstream;

pub(crate) use body::Body;
pub(crate) use connections::{ConnectionOptions, ConnectorError};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use event_stream::FrameReader;
pub(crate) use frames::Frames;
pub(crate) use identity::Readiness;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use region::find_region_of_arn;
pub(crate) use region::is_region;
pub(crate) use request::RequestTemplate;
pub(crate) use upstream::{IdentitySettings, SessionTag, Settings, Upstream, UpstreamResponse};

/// Where a call goes: a model (or inference profile, prompt, endpoint ARN) in a Region.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The model in the request's path, for the operations that have one there.
    pub(crate) model_id: Option<String>,
    /// The Region that the request is sent to.
    pub(crate) region: String,
}

/// What a call is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// A model, inference profile or prompt, by id or ARN.
    Model(&'a str),
    /// Something else with an id or ARN.
    Resource {
        /// The kind of the resource, for example `guardrail`.
        kind: &'static str,
        /// Its id or ARN.
        id: &'a str,
    },
    /// The account itself.
    Account,
}

impl<'a> Subject<'a> {
    /// The model that the call is about, if it is about one.
    pub(crate) fn model(&self) -> Option<&'a str> {
        match self {
            Self::Model(id) | Self::Resource { kind: MODEL_KIND, id } => Some(id),
            _ => None,
        }
    }

    /// The same subject with another model.
    pub(crate) fn with_model(self, id: &'a str) -> Self {
        match self {
            Self::Model(_) => Self::Model(id),
            Self::Resource { kind, .. } => Self::Resource { kind, id },
            Self::Account => Self::Account,
        }
    }
}

/// The kind of a [`Subject::Resource`] that is a model which the call does not run.
pub(crate) const MODEL_KIND: &str = "model";
