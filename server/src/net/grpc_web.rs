//! gRPC-Web, the gRPC of browsers, and CORS. It is off by default. tonic-web translates between gRPC-Web and gRPC above
//! `call`, so a call from a browser has the same record, deadline and status as any other.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, Cors, CorsLayer};

use super::origin::AllowedOrigin;

/// How long a browser keeps the permission to call. Chromium accepts two hours at most, and other browsers more.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Access-Control-Max-Age>
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// How all content types of gRPC-Web start.
const GRPC_WEB: &[u8] = b"application/grpc-web";

/// Settings of gRPC-Web.
#[derive(Debug, Clone)]
pub(crate) struct WebSettings {
    /// The origins whose pages may call. Without one, only clients that are no browsers, and proxies, can call.
    pub(crate) allowed_origins: Vec<AllowedOrigin>,
}

/// Serves gRPC-Web with the service that serves gRPC, if there are settings for it.
#[derive(Debug, Clone)]
pub(super) struct WebLayer {
    settings: Option<Arc<WebSettings>>,
}

impl WebLayer {
    /// A layer that passes requests on unchanged if there are no settings.
    #[must_use]
    pub(super) fn new(settings: Option<WebSettings>) -> Self {
        Self { settings: settings.map(Arc::new) }
    }
}

impl<S: Clone> Layer<S> for WebLayer {
    type Service = WebService<S>;

    fn layer(&self, inner: S) -> WebService<S> {
        let web = self.settings.as_ref().map(|settings| {
            let service = new_cors(Arc::clone(settings)).layer(GrpcWebLayer::new().layer(inner.clone()));
            Web { service, settings: Arc::clone(settings) }
        });
        WebService { inner, web }
    }
}

/// The headers that let the pages of the allowed origins call and read everything that a response contains.
fn new_cors(settings: Arc<WebSettings>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| is_allowed(&settings, origin)))
        .allow_methods([Method::POST])
        // Metadata can have any name, and `*` would leave out `authorization`.
        .allow_headers(AllowHeaders::mirror_request())
        // Status, error details and metadata are headers when a call fails before its first message. Cookies and other
        // credentials of the browser are not allowed, so `*` means every header.
        .expose_headers(Any)
        .max_age(PREFLIGHT_MAX_AGE)
}

fn is_allowed(settings: &WebSettings, origin: &HeaderValue) -> bool {
    settings.allowed_origins.iter().any(|allowed| allowed.allows(origin))
}

/// Serves gRPC, and gRPC-Web if that is on.
#[derive(Debug, Clone)]
pub(super) struct WebService<S> {
    inner: S,
    web: Option<Web<S>>,
}

#[derive(Debug, Clone)]
struct Web<S> {
    service: Cors<GrpcWebService<S>>,
    settings: Arc<WebSettings>,
}

type ResponseFuture = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl<S> Service<http::Request<Body>> for WebService<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible, Future = ResponseFuture>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> ResponseFuture {
        let is_for_browsers = request.method() == Method::OPTIONS || is_grpc_web(request.headers());
        match &mut self.web {
            Some(web) if is_for_browsers => {
                // CORS alone would let through the calls of a page whose host name has been changed to this address (DNS
                // rebinding): the browser takes the gateway for the page's own server.
                let denied = request.headers().get(ORIGIN).is_some_and(|origin| !is_allowed(&web.settings, origin));
                if denied { reject(StatusCode::FORBIDDEN, ORIGIN_DENIED) } else { Box::pin(web.service.call(request)) }
            }
            // The status of a gRPC call is in trailers, which most HTTP/1.1 clients and proxies drop.
            Some(_) if request.version() < Version::HTTP_2 => {
                reject(StatusCode::HTTP_VERSION_NOT_SUPPORTED, NEEDS_HTTP2)
            }
            _ => self.inner.call(request),
        }
    }
}

const ORIGIN_DENIED: &str = "The gateway does not allow pages of this origin (--cors-allow-origin).\n";
const NEEDS_HTTP2: &str = "This port serves gRPC over HTTP/2, and gRPC-Web.\n";

fn is_grpc_web(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(GRPC_WEB))
}

fn reject(status: StatusCode, text: &'static str) -> ResponseFuture {
    let mut response = http::Response::new(Body::new(http_body_util::Full::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Box::pin(ready(Ok(response)))
}
