//! Listening, health, reflection, and an orderly end.

mod health;
mod listener;

use std::sync::Arc;
use std::time::Duration;

use bedrock_grpc_schema::FILE_DESCRIPTOR_SET;
use bedrock_grpc_schema::control::v1::bedrock_service_server as catalog;
use bedrock_grpc_schema::runtime::v1::bedrock_runtime_service_server as runtime;
use tokio::task::JoinHandle;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::transport::Server;

pub use listener::{Listen, Listener};

use crate::bedrock::Upstream;
use crate::call::{CallLayer, Policy};
use crate::rpc::{Catalog, Runtime};

/// The largest gRPC message in bytes, both ways. Bedrock takes requests of 20 MB and more; tonic's default is 4 MiB.
pub const MESSAGE_LIMIT: usize = 32 * 1024 * 1024;

/// How often a silent connection is asked whether its peer still lives. A caller whose machine has died would otherwise
/// keep its stream, which is paid for, until the model has finished.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);

/// How long connections may take to close once every call has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The settings that all services have: a channel that compresses does so for each of them.
macro_rules! configured {
    ($service:expr) => {
        $service
            .max_decoding_message_size(MESSAGE_LIMIT)
            .max_encoding_message_size(MESSAGE_LIMIT)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd)
    };
}
/// How a gateway serves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen.
    pub listen: Listen,
    /// What applies to every call.
    pub policy: Policy,
    /// How long running calls may finish when it shuts down.
    pub grace: Duration,
    /// Whether to serve `bedrock.control.v1.BedrockService` too.
    pub control_plane: bool,
}

/// A gateway that listens. Dropping it ends it at once; [`Gateway::shutdown`] lets running calls finish.
pub struct Gateway {
    address: String,
    policy: Policy,
    grace: Duration,
    health: health::Health,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// Why a gateway could not start or ended.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// What was asked for.
        listen: Listen,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The listener closed by itself.
    #[error("the listener closed")]
    Closed,
    /// Reflection could not read the schema.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The server failed.
    #[error("the server failed: {0}")]
    Serve(#[from] tonic::transport::Error),
    /// The server's task ended without an answer.
    #[error("the server's task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl Gateway {
    /// Listens and serves in a task that the gateway owns.
    ///
    /// # Errors
    /// [`TransportError::Listen`] when the address is taken or not ours.
    pub async fn start(options: Options, upstream: Arc<Upstream>) -> Result<Self, TransportError> {
        let Options { listen, policy, grace, control_plane } = options;
        let listener = Listener::bind(&listen).await.map_err(|source| TransportError::Listen { listen, source })?;
        let address = listener.address();
        let (health, health_service) = health::Health::start(Arc::clone(&upstream), runtime::SERVICE_NAME).await;
        let mut names = vec![runtime::SERVICE_NAME, HEALTH, REFLECTION_V1, REFLECTION_V1ALPHA];
        let mut routes =
            Routes::new(configured!(runtime::BedrockRuntimeServiceServer::new(Runtime::new(upstream.clone()))));
        if control_plane {
            names.push(catalog::SERVICE_NAME);
            routes = routes.add_service(configured!(catalog::BedrockServiceServer::new(Catalog::new(upstream))));
        }
        let routes = routes
            .add_service(configured!(health_service))
            .add_service(configured!(reflection(&names).build_v1()?))
            .add_service(configured!(reflection(&names).build_v1alpha()?))
            .prepare();
        let server = Server::builder()
            .tcp_nodelay(true)
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .layer(CallLayer::new(policy.clone()))
            .add_routes(routes);
        let draining = policy.draining.clone().cancelled_owned();
        let server = tokio::spawn(listener.serve(server, draining));
        Ok(Self { address, policy, grace, health, server })
    }

    /// Where it listens: `127.0.0.1:50051`, or a Unix socket's path.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends orderly: health says NOT_SERVING, connections get GOAWAY, running calls may finish for as long as the grace
    /// lasts; then they end with UNAVAILABLE, reason DRAINING.
    ///
    /// # Errors
    /// The server's, if it had failed.
    pub async fn shutdown(mut self) -> Result<(), TransportError> {
        self.health.stop().await;
        self.policy.draining.cancel();
        self.policy.running.close();
        let finished = tokio::time::timeout(self.grace, self.policy.running.wait()).await;
        self.policy.terminated.cancel();
        if finished.is_err() {
            tracing::warn!(calls = self.policy.running.len(), "the grace is over; ending what still runs");
        }
        match tokio::time::timeout(LAST_WORDS, &mut self.server).await {
            Ok(ended) => Ok(ended??),
            // A peer that does not read, or has never said a word.
            Err(_) => Ok(()),
        }
    }

    /// Runs until the server fails by itself.
    ///
    /// # Errors
    /// Why it failed.
    pub async fn failed(&mut self) -> TransportError {
        match (&mut self.server).await {
            Ok(Ok(())) => TransportError::Closed,
            Ok(Err(error)) => error.into(),
            Err(error) => error.into(),
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.policy.draining.cancel();
        self.policy.terminated.cancel();
        self.server.abort();
    }
}

const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION_V1: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// Reflection of the services in `names`, and of everything that is known about their messages.
fn reflection<'a>(names: &[&str]) -> tonic_reflection::server::Builder<'a> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // So that grpcurl can show the details of an error.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET);
    names.iter().fold(builder, |builder, name| builder.with_service_name(*name))
}

/// Resolves on SIGTERM, as orchestrators send it, or SIGINT (Ctrl-C).
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
        tracing::error!("signals cannot be listened to; only a kill ends this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
