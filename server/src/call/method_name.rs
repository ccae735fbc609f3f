//! The names of a call's RPC, taken from the request path `/package.Service/Method`.

use std::collections::HashSet;
use std::sync::LazyLock;

use bedrock_grpc_schema::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::FileDescriptorSet;

/// The name of every method that the schema does not have. The caller chooses the path, so an unknown path must not become a
/// span name or a metric label. <https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans>
const OTHER: &str = "_OTHER";

/// The method name without its service, for example `ConverseStream`.
pub(super) fn operation_name(path: &str) -> &'static str {
    full_method_name(path).rsplit('/').next().unwrap_or(OTHER)
}

/// The full method name for the attribute `rpc.method`, for example
/// `bedrock.runtime.v1.BedrockRuntimeService/ConverseStream`.
pub(super) fn full_method_name(path: &str) -> &'static str {
    path.strip_prefix('/').and_then(|name| METHODS.get(name)).map_or(OTHER, String::as_str)
}

/// The full names of all methods in the schema.
static METHODS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    // The build writes the descriptor set, and a test decodes it.
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default().file;
    let names = files.iter().flat_map(|file| {
        file.service.iter().flat_map(move |service| {
            let methods = service.method.iter();
            methods.map(move |method| format!("{}.{}/{}", file.package(), service.name(), method.name()))
        })
    });
    names.collect()
});

#[cfg(test)]
mod tests {
    use super::{full_method_name, operation_name};

    #[test]
    fn methods_of_the_schema_have_their_names() {
        let path = "/bedrock.runtime.v1.BedrockRuntimeService/ConverseStream";
        assert_eq!(operation_name(path), "ConverseStream");
        assert_eq!(full_method_name(path), "bedrock.runtime.v1.BedrockRuntimeService/ConverseStream");
        assert_eq!(operation_name("/bedrock.control.v1.BedrockService/GetFoundationModel"), "GetFoundationModel");
    }

    #[test]
    fn paths_that_the_schema_does_not_have_are_other() {
        for path in ["", "/", "/bedrock.runtime.v1.BedrockRuntimeService/Nothing", "/bedrock.x/y", "/a/b/c", "Converse"]
        {
            assert_eq!((operation_name(path), full_method_name(path)), ("_OTHER", "_OTHER"), "{path}");
        }
    }
}
