//! The gRPC services at the port: the RPCs, health and reflection.

use std::sync::Arc;

use bedrock_grpc_schema::FILE_DESCRIPTOR_SET;
use bedrock_grpc_schema::control::v1::bedrock_service_server::{self as control_plane, BedrockServiceServer};
use bedrock_grpc_schema::runtime::v1::bedrock_runtime_service_server::{self as runtime, BedrockRuntimeServiceServer};
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic_health::pb::health_server::{Health, HealthServer};

use crate::bedrock::Upstream;
use crate::limits::MAX_MESSAGE_BYTES;
use crate::rpc::{ControlPlane, Runtime};

/// The full name of the main service. Health reports on it, and on the empty name for the whole server.
pub(super) const RUNTIME_SERVICE: &str = runtime::SERVICE_NAME;

const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION_V1: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// Applies the message settings that all services have. Every service accepts compressed messages, because a client channel
/// that compresses does so for all services.
macro_rules! with_message_settings {
    ($service:expr) => {
        $service
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd)
    };
}

/// Builds the routes of all services. `serve_control_plane` adds `bedrock.control.v1.BedrockService`.
///
/// # Errors
/// When reflection cannot read the schema.
pub(super) fn build_routes(
    upstream: Arc<Upstream>,
    health: HealthServer<impl Health>,
    serve_control_plane: bool,
) -> Result<Routes, tonic_reflection::server::Error> {
    let mut names = vec![RUNTIME_SERVICE, HEALTH, REFLECTION_V1, REFLECTION_V1ALPHA];
    let runtime = BedrockRuntimeServiceServer::new(Runtime::new(Arc::clone(&upstream)));
    let mut routes = Routes::new(with_message_settings!(runtime));
    if serve_control_plane {
        names.push(control_plane::SERVICE_NAME);
        let service = BedrockServiceServer::new(ControlPlane::new(upstream));
        routes = routes.add_service(with_message_settings!(service));
    }
    Ok(routes
        .add_service(with_message_settings!(health))
        .add_service(with_message_settings!(reflection(&names).build_v1()?))
        .add_service(with_message_settings!(reflection(&names).build_v1alpha()?))
        .prepare())
}

/// Reflection of the services in `names` and of all messages that their descriptors contain.
fn reflection<'a>(names: &[&str]) -> tonic_reflection::server::Builder<'a> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // With this grpcurl can show the details of an error.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET);
    names.iter().fold(builder, |builder, name| builder.with_service_name(*name))
}
