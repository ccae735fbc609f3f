//! Limits that more than one part of the gateway needs.

/// Maximum size of a gRPC message in bytes, in both directions. Bedrock accepts requests of 20 MB and more, and tonic's default
/// is 4 MiB.
pub(crate) const MAX_MESSAGE_BYTES: usize = 32 * 1024 * 1024;
