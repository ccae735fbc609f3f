//! The tower layer around every service. Each call gets one record, one deadline and one end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bedrock_grpc_schema::operation::OPERATIONS;
use tonic::body::Body;
use tower::{Layer, Service};

use super::body::watch_body;
use super::context::CallContext;
use super::deadline::{Deadline, parse_grpc_timeout};
use super::drain::drain;
use super::lifecycle::{Call, CancelledOnDrop};
use super::load_report::LoadReporter;
use super::options::{CallOptions, parse_call_options};
use super::panic_guard::{await_response, catch_panic};
use super::protocol::{NotGrpc, check_request, to_http_response};
use super::request_body::bound_body;
use super::response::trailers_only_response;
use super::settings::CallSettings;
use super::shutdown::Shutdown;
use super::termination::end_on_termination;
use crate::admission::Admission;
use crate::callers::Peer;
use crate::error::Failure;
use crate::routing::PolicyHandle;

/// Wraps services in [`CallService`].
#[derive(Debug, Clone)]
pub(crate) struct CallLayer {
    settings: CallSettings,
    shutdown: Shutdown,
    admission: Admission,
    load: Option<LoadReporter>,
    policy: PolicyHandle,
}

impl CallLayer {
    /// A layer that applies `settings`, the limits of `admission` and the rules of `policy` to every call, ends the calls by
    /// `shutdown`, and reports `load` in their trailers.
    #[must_use]
    pub(crate) fn new(
        settings: CallSettings,
        shutdown: Shutdown,
        admission: Admission,
        load: Option<LoadReporter>,
        policy: PolicyHandle,
    ) -> Self {
        Self { settings, shutdown, admission, load, policy }
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> CallService<S> {
        let Self { settings, shutdown, admission, load, policy } = self.clone();
        CallService { inner, settings, shutdown, admission, load, policy }
    }
}

/// Puts an `Arc<Call>` into the extensions of each request, ends the call at its deadline or when the gateway terminates,
/// adds details to statuses that tonic created, and makes sure that every call finishes once.
#[derive(Debug, Clone)]
pub(crate) struct CallService<S> {
    inner: S,
    settings: CallSettings,
    shutdown: Shutdown,
    admission: Admission,
    load: Option<LoadReporter>,
    policy: PolicyHandle,
}

type ResponseFuture = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

/// Path prefixes of services that never call Bedrock. They have no record and no log line. They also serve while the gateway
/// drains, and their streams (a health watch never ends by itself) end when the gateway terminates.
const UNTRACKED_SERVICES: &[&str] = &["/grpc.health.", "/grpc.reflection.", "/xds.service.orca."];

impl<S> Service<http::Request<Body>> for CallService<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let not_grpc = match check_request(&request) {
            Err(NotGrpc::Http(status)) => return Box::pin(std::future::ready(Ok(to_http_response(status)))),
            Err(NotGrpc::Grpc(failure)) => Some(failure),
            Ok(()) => None,
        };
        if UNTRACKED_SERVICES.iter().any(|prefix| request.uri().path().starts_with(prefix)) {
            return self.call_untracked(request);
        }
        // The timer starts when the headers have arrived, and not when the returned future is polled.
        let timeout = parse_grpc_timeout(request.headers());
        let expires_at = timeout.as_ref().ok().copied().flatten();
        let mut deadline = Deadline::new(expires_at);
        let (settings, shutdown) = (self.settings, self.shutdown.clone());
        let (options, invalid_options) = match parse_call_options(request.headers()) {
            Ok(options) => (options, None),
            Err(failure) => (CallOptions::default(), Some(failure)),
        };
        let peer = peer_of(&request);
        let (path, headers, policy) = (request.uri().path(), request.headers(), self.policy.load());
        let call = Call::start(path, headers, settings, shutdown, expires_at, options, policy);
        let permit = self.admission.overload.admit(expires_at);
        let rejection = match (not_grpc.or(invalid_options), timeout) {
            (Some(failure), _) | (_, Err(failure)) => Some(failure),
            _ if self.shutdown.rejecting.is_cancelled() => Some(Failure::Draining),
            _ if permit.is_none() => Some(Failure::Overloaded),
            _ => None,
        };
        let mut guard = CancelledOnDrop::new(Arc::clone(&call), permit);
        if let Some(failure) = rejection {
            drain(request.into_body(), &self.shutdown);
            return Box::pin(std::future::ready(Ok(trailers_only_response(&call, &failure))));
        }
        let load = self.load.clone();
        // The caller must be known before the service gets the request, and that may wait for the keys of an issuer. The
        // services are always ready, so a clone is ready too.
        let mut inner = self.inner.clone();
        let admission = self.admission.clone();
        Box::pin(async move {
            guard.on_task_start();
            let terminated = call.shutdown.terminated.clone();
            let response = async {
                call.identify_caller(request.headers(), &peer).await?;
                request.extensions_mut().insert(Arc::clone(&call));
                let path = request.uri().path();
                let operation = OPERATIONS.iter().find(|operation| operation.grpc_path == path).copied();
                let body = std::mem::take(request.body_mut());
                *request.body_mut() = bound_body(request.headers_mut(), body, &call, &admission, operation);
                await_response(catch_panic(|| inner.call(request))).await
            };
            let response = tokio::select! {
                biased;
                response = response => match response {
                    Ok(response) => response?,
                    Err(failure) => return Ok(trailers_only_response(&call, &failure)),
                },
                () = &mut deadline => return Ok(trailers_only_response(&call, &Failure::DeadlineExceeded)),
                () = terminated.cancelled() => return Ok(trailers_only_response(&call, &Failure::Draining)),
            };
            call.on_response();
            Ok(watch_body(guard, response, deadline, load))
        })
    }
}

impl<S> CallService<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    /// Calls a service that never calls Bedrock.
    fn call_untracked(&mut self, request: http::Request<Body>) -> ResponseFuture {
        let terminated = self.shutdown.terminated.clone();
        let policy = self.policy.load();
        if !policy.authenticator.protects_health() {
            let response = self.inner.call(request);
            return Box::pin(async move { Ok(end_on_termination(terminated, response.await?)) });
        }
        let (peer, mut inner) = (peer_of(&request), self.inner.clone());
        Box::pin(async move {
            if let Err(failure) = policy.authenticator.identify(request.headers(), &peer).await {
                return Ok(failure.to_status(&CallContext::default()).into_http());
            }
            Ok(end_on_termination(terminated, inner.call(request).await?))
        })
    }
}

/// The other end of the connection.
fn peer_of(request: &http::Request<Body>) -> Arc<Peer> {
    request.extensions().get::<Arc<Peer>>().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests;
