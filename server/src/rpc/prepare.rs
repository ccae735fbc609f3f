//! Everything before Bedrock is asked.

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, HeaderMap};
use tonic::{Request, Status};

use super::Ask;
use crate::bedrock::{Operation, Subject, Target, Upstream};
use crate::call::{Call, Policy};
use crate::error::Failure;

/// A call that has a record and knows where to go.
pub(super) struct Prepared {
    pub(super) call: Arc<Call>,
    pub(super) target: Target,
    pub(super) operation: Operation,
    pub(super) body: Bytes,
}

/// Finds the call's record, resolves its target and writes its body.
pub(super) fn prepare<Q: Ask>(upstream: &Upstream, request: Request<Q>) -> Result<Prepared, Status> {
    let (_, extensions, request) = request.into_parts();
    let call = record(&extensions);
    let prepared = (|| {
        let target = begin(&call, upstream, request.subject()?, request.operation_name(), || request.attributes())?;
        let (operation, body) = request.outgoing()?;
        Ok((target, operation, body))
    })();
    match prepared {
        Ok((target, operation, body)) => Ok(Prepared { call, target, operation, body }),
        Err(failure) => Err(call.fail(&failure)),
    }
}

/// Notes what the call is about and resolves it.
pub(super) fn begin(
    call: &Call,
    upstream: &Upstream,
    subject: Subject<'_>,
    operation_name: &'static str,
    attributes: impl FnOnce() -> Vec<opentelemetry::KeyValue>,
) -> Result<Target, Failure> {
    let (model_id, resource) = match subject {
        Subject::Model(id) => (Some(id), Some(("model", id))),
        Subject::Resource { kind, id } => (None, Some((kind, id))),
        Subject::Account => (None, None),
    };
    call.with(|record| {
        record.facts.model_id = model_id.map(str::to_owned);
        record.facts.resource = resource.map(|(kind, id)| (kind, id.to_owned()));
    });
    call.trace().model(operation_name, model_id, attributes);
    upstream.target(subject)
}

/// The record that [`crate::call::CallLayer`] made.
pub(super) fn record(extensions: &Extensions) -> Arc<Call> {
    // Without the layer, which no server of ours is, the call still has one.
    extensions
        .get::<Arc<Call>>()
        .cloned()
        .unwrap_or_else(|| Call::begin("", &HeaderMap::new(), Policy::default(), None))
}
