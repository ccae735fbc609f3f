//! The gRPC services at the port: the RPCs, health and reflection.

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bedrock_grpc_schema::FILE_DESCRIPTOR_SET;
use bedrock_grpc_schema::control::v1::bedrock_service_server::{self as control_plane, BedrockServiceServer};
use bedrock_grpc_schema::runtime::v1::bedrock_runtime_service_server::{self as runtime, BedrockRuntimeServiceServer};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic_health::pb::health_server::{Health, HealthServer};
use tower::Service;

use super::load_service::LoadService;
use crate::call::LoadReporter;
use crate::limits::MAX_MESSAGE_BYTES;
use crate::routing::Bedrock;
use crate::rpc::{ControlPlane, Runtime};

/// The full name of the main service. Health reports on it, and on the empty name for the whole server.
pub(super) const RUNTIME_SERVICE: &str = runtime::SERVICE_NAME;

/// Names the encodings that the caller accepts.
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>
const ACCEPT_ENCODING_HEADER: &str = "grpc-accept-encoding";

const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION_V1: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// Maximum size of a request to health and reflection. They contain a name, and they do not pass the byte budget.
const MAX_UTILITY_REQUEST_BYTES: usize = 16 * 1024;

/// Applies the message settings that all services have. Every service accepts compressed messages, because a client channel
/// that compresses does so for all services.
macro_rules! with_message_settings {
    ($service:expr, $max_request:expr) => {
        $service
            .max_decoding_message_size($max_request)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd)
    };
}

/// Which services there are, and how they compress.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServiceSettings {
    /// Whether to serve `bedrock.control.v1.BedrockService`.
    pub(crate) control_plane: bool,
    /// Whether events of streams are compressed for callers that accept it.
    pub(crate) compress_streams: bool,
}

/// All services. Requests to the main service do not pass through the router of the others.
#[derive(Clone)]
pub(super) struct Services {
    runtime: BedrockRuntimeServiceServer<Runtime>,
    others: Routes,
    /// Paths of the methods whose responses are not compressed.
    uncompressed: Arc<HashSet<String>>,
}

impl Services {
    /// Builds the services. `load` adds the service of load reports.
    ///
    /// # Errors
    /// When reflection cannot read the schema.
    pub(super) fn new(
        settings: ServiceSettings,
        bedrock: Bedrock,
        health: HealthServer<impl Health>,
        load: Option<LoadReporter>,
    ) -> Result<Self, tonic_reflection::server::Error> {
        let mut names = vec![RUNTIME_SERVICE, HEALTH, REFLECTION_V1, REFLECTION_V1ALPHA];
        let runtime = BedrockRuntimeServiceServer::new(Runtime::new(bedrock.clone()));
        let mut others = Routes::new(with_message_settings!(health, MAX_UTILITY_REQUEST_BYTES));
        if settings.control_plane {
            names.push(control_plane::SERVICE_NAME);
            let service = BedrockServiceServer::new(ControlPlane::new(bedrock));
            others = others.add_service(with_message_settings!(service, MAX_MESSAGE_BYTES));
        }
        if let Some(load) = load {
            others = others.add_service(LoadService(load));
        }
        let others = others
            .add_service(with_message_settings!(reflection(&names).build_v1()?, MAX_UTILITY_REQUEST_BYTES))
            .add_service(with_message_settings!(reflection(&names).build_v1alpha()?, MAX_UTILITY_REQUEST_BYTES))
            .prepare();
        let uncompressed = if settings.compress_streams { HashSet::new() } else { streaming_methods() };
        Ok(Self {
            runtime: with_message_settings!(runtime, MAX_MESSAGE_BYTES),
            others,
            uncompressed: Arc::new(uncompressed),
        })
    }
}

impl Service<http::Request<Body>> for Services {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // tonic's services are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        // tonic has no way to turn off the compression of a streaming response, and negotiates by this header.
        if self.uncompressed.contains(request.uri().path()) {
            request.headers_mut().remove(ACCEPT_ENCODING_HEADER);
        }
        let service = request.uri().path().get(1..).and_then(|path| path.split_once('/')).map(|(service, _)| service);
        if service == Some(RUNTIME_SERVICE) { self.runtime.call(request) } else { Box::pin(self.others.call(request)) }
    }
}

/// Paths of all methods with streaming responses. Their events are small and frequent: gzip costs more than all other work
/// on an event, and makes a short event longer.
fn streaming_methods() -> HashSet<String> {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default().file;
    let mut paths = HashSet::new();
    for (file, service) in files.iter().flat_map(|file| file.service.iter().map(move |service| (file, service))) {
        for method in service.method.iter().filter(|method| method.server_streaming()) {
            paths.insert(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
        }
    }
    paths
}

/// Reflection of the services in `names` and of all messages that their descriptors contain.
fn reflection<'a>(names: &[&str]) -> tonic_reflection::server::Builder<'a> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // Each version describes only itself otherwise, and lists both.
        .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
        // With this grpcurl can show the details of an error.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET);
    names.iter().fold(builder, |builder, name| builder.with_service_name(*name))
}

#[cfg(test)]
mod tests {
    use super::streaming_methods;

    #[test]
    fn methods_with_streaming_responses_are_found_in_the_descriptors() {
        let methods = streaming_methods();
        for method in ["ConverseStream", "InvokeModelWithResponseStream", "InvokeModelWithBidirectionalStream"] {
            assert!(methods.contains(&format!("/bedrock.runtime.v1.BedrockRuntimeService/{method}")), "{method}");
        }
        assert!(!methods.contains("/bedrock.runtime.v1.BedrockRuntimeService/Converse"));
    }
}
