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
use crate::error::Failure;

/// Wraps services in [`CallService`].
#[derive(Debug, Clone)]
pub(crate) struct CallLayer {
    settings: CallSettings,
    shutdown: Shutdown,
    admission: Admission,
    load: Option<LoadReporter>,
}

impl CallLayer {
    /// A layer that applies `settings` and the limits of `admission` to every call, ends the calls by `shutdown`, and reports
    /// `load` in their trailers.
    #[must_use]
    pub(crate) fn new(
        settings: CallSettings,
        shutdown: Shutdown,
        admission: Admission,
        load: Option<LoadReporter>,
    ) -> Self {
        Self { settings, shutdown, admission, load }
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> CallService<S> {
        let Self { settings, shutdown, admission, load } = self.clone();
        CallService { inner, settings, shutdown, admission, load }
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
}

/// Path prefixes of services that never call Bedrock. They have no record and no log line. They also serve while the gateway
/// drains, and their streams (a health watch never ends by itself) end when the gateway terminates.
const UNTRACKED_SERVICES: &[&str] = &["/grpc.health.", "/grpc.reflection.", "/xds.service.orca."];

impl<S> Service<http::Request<Body>> for CallService<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

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
            let (response, terminated) = (self.inner.call(request), self.shutdown.terminated.clone());
            return Box::pin(async move { Ok(end_on_termination(terminated, response.await?)) });
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
        let call = Call::start(request.uri().path(), request.headers(), settings, shutdown, expires_at, options);
        let permit = self.admission.overload.admit(expires_at);
        let rejection = match (not_grpc.or(invalid_options), timeout) {
            (Some(failure), _) | (_, Err(failure)) => Some(failure),
            _ if self.shutdown.draining.is_cancelled() => Some(Failure::Draining),
            _ if permit.is_none() => Some(Failure::Overloaded),
            _ => None,
        };
        let guard = CancelledOnDrop::new(Arc::clone(&call), permit);
        if let Some(failure) = rejection {
            drain(request.into_body(), &self.shutdown);
            return Box::pin(std::future::ready(Ok(trailers_only_response(&call, &failure))));
        }
        let load = self.load.clone();
        request.extensions_mut().insert(Arc::clone(&call));
        let path = request.uri().path();
        let operation = OPERATIONS.iter().find(|operation| operation.grpc_path == path).copied();
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = bound_body(request.headers_mut(), body, &call, &self.admission.bytes, operation);
        let response = catch_panic(|| self.inner.call(request));
        Box::pin(async move {
            let terminated = call.shutdown.terminated.clone();
            let response = tokio::select! {
                biased;
                response = await_response(response) => match response {
                    Ok(response) => response?,
                    Err(failure) => return Ok(trailers_only_response(&call, &failure)),
                },
                () = &mut deadline => return Ok(trailers_only_response(&call, &Failure::DeadlineExceeded)),
                () = terminated.cancelled() => return Ok(trailers_only_response(&call, &Failure::Draining)),
            };
            Ok(watch_body(guard, response, deadline, load))
        })
    }
}

#[cfg(test)]
mod tests;
