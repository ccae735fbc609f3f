//! Accepts connections and serves HTTP on each; the only place that can abort one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tower::{ServiceExt, service_fn};

use crate::answer::{Answer, Outcome};
use crate::bidirectional;
use crate::body::{Broken, ReplyBody};
use crate::exception::Exception;
use crate::gauge::Held;
use crate::requests::Request;
use crate::routes;
use crate::socket::{Abort, Socket};
use crate::state::State;
use crate::tasks::{StreamSpawner, StreamTasks};
use crate::tls::Tls;

/// Bedrock takes bodies of over 20 MB; this is only a bound.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// What every connection needs to answer requests.
#[derive(Clone)]
struct Server {
    router: Router,
    state: Arc<State>,
}

/// Runs until `stop` resolves, then closes every connection; dropping it closes them, too.
pub(crate) async fn serve(listener: TcpListener, state: Arc<State>, tls: Option<Tls>, mut stop: oneshot::Receiver<()>) {
    let server = Server { router: routes::router(Arc::clone(&state)), state };
    let streams = StreamTasks::default();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stop => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, mostly: accepting again at once would spin.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        // Frames are small: without this, Nagle's algorithm holds them back.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "nodelay");
        }
        connections.spawn(connection(Socket::new(stream), tls.clone(), server.clone(), streams.spawner()));
    }
    drop(listener);
    connections.shutdown().await;
    streams.shutdown().await;
}

/// The handshake is part of the connection: a slow one keeps nobody else waiting.
async fn connection(socket: Socket, tls: Option<Tls>, server: Server, streams: StreamSpawner) {
    let Some(tls) = tls else {
        let abort = socket.abort_handle();
        return http(socket, abort, server, streams).await;
    };
    match tls.accept(socket).await {
        Ok(socket) => {
            let abort = socket.abort_handle();
            http(socket, abort, server, streams).await;
        }
        Err(error) => tracing::debug!(%error, "TLS handshake"),
    }
}

async fn http<S>(socket: S, abort: Abort, server: Server, streams: StreamSpawner)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: http::Request<Incoming>| exchange(request, server.clone(), abort.clone()));
    let served =
        auto::Builder::new(streams).serve_connection(TokioIo::new(socket), TowerToHyperService::new(service)).await;
    if let Err(error) = served {
        tracing::debug!(error, "connection ended");
    }
}

/// One request and its answer. An error closes the connection, or over HTTP/2 its stream.
async fn exchange(
    request: http::Request<Incoming>,
    server: Server,
    abort: Abort,
) -> Result<http::Response<ReplyBody>, Broken> {
    let Server { router, state } = server;
    let abort = (request.version() != http::Version::HTTP_2).then_some(abort);
    let in_flight = state.open_requests.enter();
    let request_id = state.next_request_id();
    let outcome = match receive(request, &state).await? {
        Ok(request) => decide(request, &state, router).await,
        Err(too_large) => too_large.into(),
    };
    match outcome {
        Outcome::Abort => {
            if let Some(abort) = abort {
                abort.on_close();
            }
            Err(Broken::Aborted)
        }
        Outcome::Live(live) => {
            let mut response = reply(Answer::stream([]), &request_id, &state, in_flight, abort);
            if let Some(echo) = live.take() {
                response = response.map(|body| body.and_then(echo));
            }
            Ok(response)
        }
        Outcome::Answer(answer) => Ok(reply(answer, &request_id, &state, in_flight, abort)),
    }
}

/// Writes the request down with its whole body; that of a bidirectional stream is left to be read while it is answered.
async fn receive(
    request: http::Request<Incoming>,
    state: &State,
) -> Result<Result<http::Request<Body>, Exception>, Broken> {
    let (head, body) = request.into_parts();
    if bidirectional::is_path(head.uri.path()) {
        state.log().push(Request::new(&head, Bytes::new()));
        return Ok(Ok(http::Request::from_parts(head, Body::new(body))));
    }
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Ok(Err(Exception::new(
                "RequestEntityTooLargeException",
                http::StatusCode::PAYLOAD_TOO_LARGE,
                "The request body is larger than 64 MiB.",
            )));
        }
        Err(error) => {
            tracing::debug!(error, "request body");
            return Err(Broken::Request);
        }
    };
    state.log().push(Request::new(&head, body.clone()));
    Ok(Ok(http::Request::from_parts(head, Body::from(body))))
}

async fn decide(request: http::Request<Body>, state: &State, router: Router) -> Outcome {
    let scripted = state.script().pop_front();
    if let Some(answer) = scripted {
        return answer.into();
    }
    let response = router.oneshot(request).await;
    let mut response = response.unwrap_or_else(|never: Infallible| match never {});
    // Every route ends in an outcome; what has none is axum's own refusal (a path that is not UTF-8).
    response
        .extensions_mut()
        .remove::<Outcome>()
        .unwrap_or_else(|| Exception::validation("The request path could not be read.").into())
}

fn reply(
    answer: Answer,
    request_id: &str,
    state: &State,
    in_flight: Held,
    abort: Option<Abort>,
) -> http::Response<ReplyBody> {
    let held = if answer.is_stream() { state.open_streams.enter() } else { in_flight };
    let body = ReplyBody::new(&answer, state.options.pause, held, abort);
    let mut response = http::Response::new(body);
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) =
            (http::HeaderName::try_from(name.as_str()), http::HeaderValue::try_from(value.as_str()))
        {
            headers.append(name, value);
        }
    }
    if let Ok(request_id) = http::HeaderValue::try_from(request_id) {
        headers.entry("x-amzn-requestid").or_insert(request_id);
    }
    response
}
