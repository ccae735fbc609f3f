//! The names of a call's RPC, taken from the request path `/package.Service/Method`.

/// The name of every method that the gateway does not serve. The caller chooses the path, so an unknown path must not
/// become a span name or a metric label. <https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans>
const OTHER: &str = "_OTHER";

/// Maximum length of a path that can name one of our methods. The longest one today has 81 bytes.
const MAX_PATH_BYTES: usize = 128;

/// The method name without its service, for example `ConverseStream`.
pub(super) fn operation_name(path: &str) -> &str {
    let name = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    match name {
        Some((service, method)) if service.starts_with("bedrock.") && path.len() < MAX_PATH_BYTES => method,
        _ => OTHER,
    }
}

/// The full method name for the attribute `rpc.method`, for example
/// `bedrock.runtime.v1.BedrockRuntimeService/ConverseStream`.
pub(super) fn full_method_name(path: &str) -> &str {
    if operation_name(path) == OTHER { OTHER } else { path.trim_start_matches('/') }
}
