//! The way to Bedrock: which operation, which model, in which Region, with which body; then headers and a body back.
//!
//! Architecture Invariant: no SDK type shows above this module. `exchange` alone knows how the SDK is made to carry our
//! bytes, so that a lighter path can take its place.

mod body;
mod clients;
mod event_stream;
mod exchange;
mod frames;
mod operation;
mod region;

use bytes::Bytes;
use futures::Stream;
use http::HeaderMap;

pub(crate) use body::Body;
pub(crate) use clients::{Readiness, Settings, Upstream};
pub(crate) use frames::{Frame, Frames};
pub(crate) use operation::Operation;

use crate::error::Failure;

/// Where a call goes: a model (or inference profile, prompt, endpoint ARN) in a Region.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The model in the request's path, for the operations that have one there.
    pub(crate) model_id: Option<String>,
    /// The Region asked.
    pub(crate) region: String,
}

/// What a call is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// A model, inference profile or prompt, by id or ARN.
    Model(&'a str),
    /// Something else with an id or ARN.
    Resource {
        /// What it is, as `guardrail`.
        kind: &'static str,
        /// Its id or ARN.
        id: &'a str,
    },
    /// The account itself.
    Account,
}

/// A successful answer of Bedrock's, its body still to be read.
pub(crate) struct Answer {
    /// The response's headers.
    pub(crate) headers: HeaderMap,
    /// The response's body. Dropping it closes the connection to Bedrock.
    pub(crate) body: Body,
}

impl Upstream {
    /// Resolves what the caller asked for: an ARN goes to its own Region, anything else to the configured one.
    ///
    /// # Errors
    /// [`Failure::NoRegion`] when none is known.
    pub(crate) fn target(&self, subject: Subject<'_>) -> Result<Target, Failure> {
        let (model_id, id) = match subject {
            Subject::Model(id) => (Some(id.to_owned()), Some(id)),
            Subject::Resource { id, .. } => (None, Some(id)),
            Subject::Account => (None, None),
        };
        let region = id.and_then(region::of_arn).or_else(|| self.region()).ok_or(Failure::NoRegion)?;
        Ok(Target { model_id, region: region.to_owned() })
    }

    /// Whether a target is in the gateway's own Region. Elsewhere Bedrock also refuses credentials when the account has not
    /// opted in to the Region, which says nothing of the credentials.
    #[must_use]
    pub(crate) fn is_default_region(&self, target: &Target) -> bool {
        self.region() == Some(target.region.as_str())
    }

    /// Asks Bedrock once.
    ///
    /// # Errors
    /// Bedrock's exception, or why there is no answer.
    pub(crate) async fn send(&self, operation: &Operation, target: &Target, body: Bytes) -> Result<Answer, Failure> {
        exchange::send(&self.clients(&target.region), operation, target, body).await
    }

    /// Opens a bidirectional stream. `input` is polled as Bedrock takes it, and its end is the end of the input.
    ///
    /// # Errors
    /// As [`Upstream::send`]; [`Failure::NoHttp2`] when the endpoint cannot do it.
    pub(crate) async fn bidirectional(
        &self,
        target: &Target,
        input: impl Stream<Item = Bytes> + Send + Sync + 'static,
    ) -> Result<Answer, Failure> {
        exchange::bidirectional(&self.clients(&target.region), target, input).await
    }
}
