//! Limits that more than one part of the gateway needs.

/// Maximum size of a gRPC message in bytes, in both directions. Bedrock accepts requests of 20 MB and more, and tonic's default
/// is 4 MiB.
pub(crate) const MAX_MESSAGE_BYTES: usize = 32 * 1024 * 1024;

/// Maximum number of fields and list elements of a request. Anthropic's API allows 100,000 messages in a request
/// (<https://docs.anthropic.com/en/api/messages>), and a message with one block of text has four fields. An empty block has two
/// bytes, so without this limit a message of 32 MiB could take gigabytes.
pub(crate) const MAX_REQUEST_FIELDS: usize = 500_000;
