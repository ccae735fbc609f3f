//! The layer around every service: one record, one deadline, one end for each call.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::body::Body;
use tower::{Layer, Service};

use super::deadline::{self, Deadline};
use super::{Call, Policy, response};
use crate::error::Failure;

/// Wraps services in [`CallService`].
#[derive(Debug, Clone)]
pub struct CallLayer {
    policy: Policy,
}

impl CallLayer {
    /// A layer that applies `policy` to every call.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> CallService<S> {
        CallService { inner, policy: self.policy.clone() }
    }
}

/// Puts an `Arc<Call>` into each request's extensions, ends the call at its deadline or when the gateway's grace is over,
/// gives statuses that tonic made their details, and sees to it that every call ends once.
#[derive(Debug, Clone)]
pub struct CallService<S> {
    inner: S,
    policy: Policy,
}

/// Services that are no calls to Bedrock. Health and reflection serve also while the gateway drains, and have no record; their
/// streams (a health watch lasts for good) end with the gateway.
const PLUMBING: &[&str] = &["/grpc.health.", "/grpc.reflection."];

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
        if PLUMBING.iter().any(|prefix| request.uri().path().starts_with(prefix)) {
            let (answer, terminated) = (self.inner.call(request), self.policy.terminated.clone());
            return Box::pin(async move { Ok(response::until(terminated, answer.await?)) });
        }
        // Here, not in the future: tonic makes its own timer right after this returns.
        let deadline = deadline::of(request.headers());
        let at = deadline.as_ref().ok().copied().flatten();
        let expires = Deadline::at(at);
        let call = Call::begin(request.uri().path(), request.headers(), self.policy.clone(), at);
        let ended = response::EndOnDrop(Arc::clone(&call));
        let refused = match deadline {
            Err(failure) => Some(failure),
            Ok(_) if self.policy.draining.is_cancelled() => Some(Failure::Draining),
            Ok(_) => None,
        };
        if let Some(failure) = refused {
            return Box::pin(std::future::ready(Ok(response::trailers_only(&call, &failure))));
        }
        request.extensions_mut().insert(Arc::clone(&call));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut expires = expires;
            let terminated = call.policy.terminated.clone();
            let answered = tokio::select! {
                biased;
                answered = answer => answered?,
                () = &mut expires => return Ok(response::trailers_only(&call, &Failure::DeadlineExceeded)),
                () = terminated.cancelled() => return Ok(response::trailers_only(&call, &Failure::Draining)),
            };
            Ok(response::wrap(ended, answered, expires))
        })
    }
}
