//! Amazon Bedrock's runtime API as protobuf.
//!
//! The messages under [`runtime::v1`] are compiled from `proto/bedrock/runtime/v1/*.proto`. A message, written as JSON, *is*
//! Bedrock's JSON. [`json`] writes and reads it. It is the only place that knows how AWS's JSON and protobuf differ:
//! documents stay exact text, blobs are base64, a union is an object with one member, and members that the schema does not
//! know are kept word for word in `unrecognized`.
//!
//! ```text
//! gRPC request  --prost--> message --json::encode--> AWS JSON body --> Bedrock
//! gRPC response <--prost-- message <--json::decode-- AWS JSON body <-- Bedrock
//! ```

pub mod codec;
pub mod grpc_timeout;
pub mod json;
pub mod operation;
pub mod wire;

/// `bedrock.control`: the models that can be called.
pub mod control {
    /// Version 1: messages, the client and server of `BedrockService`.
    #[allow(
        missing_docs,
        reason = "prost documents what the .proto files comment; tonic's modules have no place for it"
    )]
    #[allow(unreachable_pub, clippy::all, reason = "generated")]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/bedrock.control.v1.rs"));
        include!(concat!(env!("OUT_DIR"), "/bedrock.control.v1.json.rs"));
    }
}

/// `bedrock.runtime`: the API that runs models.
pub mod runtime {
    /// Version 1: messages, the client and server of `BedrockRuntimeService`.
    #[allow(
        missing_docs,
        reason = "prost documents what the .proto files comment; the oneofs' enums and tonic's modules have no place for it"
    )]
    #[allow(unreachable_pub, clippy::all, reason = "generated")]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/bedrock.runtime.v1.rs"));
        include!(concat!(env!("OUT_DIR"), "/bedrock.runtime.v1.json.rs"));
    }
}

/// `bedrock.errors`: why a call failed.
pub mod errors {
    /// Version 1: [`ErrorReason`](v1::ErrorReason).
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/bedrock.errors.v1.rs"));
    }
}

/// `bedrock.type`: what all services share.
pub mod r#type {
    /// Version 1: [`Document`](v1::Document), the members that the schema does not know.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/bedrock.r#type.v1.rs"));
    }
}

/// The encoded `google.protobuf.FileDescriptorSet` of the whole schema, comments included, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor_set.bin"));
