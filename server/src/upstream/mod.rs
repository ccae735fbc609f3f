//! The way to Bedrock: which operation, which model, in which Region, with which body; then headers and a body back.
//!
//! Architecture Invariant: no SDK type shows above this module. `exchange` alone knows how the SDK is made to carry our
//! bytes, so that a lighter path can take its place.

mod body;
mod clients;
mod exchange;
mod frames;
mod region;

use bytes::Bytes;
use http::HeaderMap;

pub use body::Body;
pub use clients::{Readiness, Settings, Upstream};
pub use frames::{Frame, Frames};

use crate::status::Failure;

/// An operation of Bedrock's runtime API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>
    Converse,
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>
    ConverseStream,
}

/// Where a call goes: a model (or inference profile, prompt, endpoint ARN) in a Region.
#[derive(Debug, Clone)]
pub struct Target {
    /// What stands in the request's path.
    pub model_id: String,
    /// The Region asked.
    pub region: String,
}

/// A successful answer of Bedrock's, its body still to be read.
pub struct Answer {
    /// The response's headers.
    pub headers: HeaderMap,
    /// The response's body. Dropping it closes the connection to Bedrock.
    pub body: Body,
}

impl Upstream {
    /// Resolves what the caller asked for: an ARN goes to its own Region, anything else to the configured one.
    ///
    /// # Errors
    /// [`Failure::NoRegion`] when none is known.
    pub fn target(&self, model_id: &str) -> Result<Target, Failure> {
        let region = region::of_arn(model_id).or_else(|| self.region()).ok_or(Failure::NoRegion)?;
        Ok(Target { model_id: model_id.to_owned(), region: region.to_owned() })
    }

    /// Asks Bedrock once.
    ///
    /// # Errors
    /// Bedrock's exception, or why there is no answer.
    pub async fn send(&self, operation: Operation, target: &Target, body: Bytes) -> Result<Answer, Failure> {
        exchange::send(&self.client(&target.region), operation, &target.model_id, body).await
    }
}
