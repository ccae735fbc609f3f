//! Everything that happens to a request before it is sent to Bedrock.

use std::sync::Arc;

use bedrock_grpc_schema::operation::StreamKind;
use http::{Extensions, HeaderMap};
use opentelemetry::KeyValue;
use tonic::{Request, Status};

use super::request::UpstreamRequest;
use super::rules::apply_rules;
use crate::bedrock::{RequestTemplate, Subject, UpstreamResponse};
use crate::call::{Call, CallOptions, CallSettings, Shutdown};
use crate::error::Failure;
use crate::large_work::run_sized;
use crate::routing::{AuthorizedCall, Bedrock};

/// A request that is ready to be sent to each of its targets.
pub(super) struct PreparedRequest {
    pub(super) call: Arc<Call>,
    pub(super) authorized: AuthorizedCall,
    /// The request for each target of the call.
    requests: Vec<RequestTemplate>,
}

impl PreparedRequest {
    /// Sends the request to the target at this place among the candidates, once.
    ///
    /// # Errors
    /// As [`crate::bedrock::Upstream::send`].
    pub(super) async fn send(&self, target: usize) -> Result<UpstreamResponse, Failure> {
        let candidate = &self.authorized.candidates().all()[target];
        candidate.upstream.send(&self.requests[target], &candidate.target).await
    }
}

/// Finds the call of a request, checks that its caller may make it, and writes the HTTP request.
pub(super) fn prepare_request<R: UpstreamRequest>(
    bedrock: &Bedrock,
    request: Request<R>,
) -> Result<PreparedRequest, Status> {
    let (_, extensions, mut request) = request.into_parts();
    let call = call_from_extensions(&extensions);
    call.on_message_start();
    let prepared = (|| {
        let subject = request.subject()?;
        let is_stream = R::OPERATION.stream != StreamKind::Unary;
        start_span(&call, subject, request.gen_ai_operation(), is_stream, || request.span_attributes());
        let caller = call.caller()?;
        let mut authorized = bedrock.authorize(&call.policy, caller, R::OPERATION.name, subject)?;
        if !request.may_change_target() {
            authorized.keep_one_target();
        }
        apply_rules(&mut request, &call.policy, caller, &authorized)?;
        let token = request.generate_request_token();
        call.update(|record| record.context.generated_request_token = token);
        // The message is dropped then, so that only its JSON stays in memory.
        let template = run_sized(call.request_bytes(), || RequestTemplate::new(&request))?;
        let requests = write_for_each_target(request, template, &authorized)?;
        Ok((authorized, requests))
    })();
    match prepared {
        Ok((authorized, requests)) => Ok(PreparedRequest { call, authorized, requests }),
        Err(failure) => Err(call.record_failure(&failure)),
    }
}

/// The request for each target. The requests differ only in their paths, which name the models, and they share the body.
fn write_for_each_target<R: UpstreamRequest>(
    mut request: R,
    first: RequestTemplate,
    authorized: &AuthorizedCall,
) -> Result<Vec<RequestTemplate>, Failure> {
    let mut requests = Vec::with_capacity(authorized.candidates().all().len());
    for model in authorized.models().skip(1) {
        if let Some(field) = request.model_field() {
            *field = Some(model.clone());
        }
        requests.push(first.with_path_of(&request)?);
    }
    requests.insert(0, first);
    Ok(requests)
}

/// Records the subject of the call and starts the CLIENT span.
pub(super) fn start_span(
    call: &Call,
    subject: Subject<'_>,
    gen_ai_operation: &'static str,
    is_stream: bool,
    span_attributes: impl FnOnce() -> Vec<KeyValue>,
) {
    let (model_id, resource) = match subject {
        Subject::Model(id) => (Some(id), Some(("model", id))),
        Subject::Resource { kind, id } => (None, Some((kind, id))),
        Subject::Account => (None, None),
    };
    call.update(|record| {
        record.context.model_id = model_id.map(str::to_owned);
        record.context.resource = resource.map(|(kind, id)| (kind, id.to_owned()));
    });
    call.on_model_start(gen_ai_operation, model_id);
    call.spans().start_model_span(gen_ai_operation, model_id, is_stream, span_attributes);
}

/// The call that [`crate::call::CallLayer`] started.
pub(super) fn call_from_extensions(extensions: &Extensions) -> Arc<Call> {
    extensions.get::<Arc<Call>>().cloned().unwrap_or_else(|| {
        // The gateway always has the layer. Without it the call still needs a record.
        let (settings, shutdown) = (CallSettings::default(), Shutdown::default());
        // It has no caller, so it reaches nothing.
        Call::start("", &HeaderMap::new(), settings, shutdown, None, CallOptions::default(), Arc::default())
    })
}
