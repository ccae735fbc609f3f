//! The name of a gRPC status code as the log and the spans spell it.

use heck::ToShoutySnakeCase as _;
use tonic::Code;

/// The name of `code`, for example `RESOURCE_EXHAUSTED`.
pub(super) fn status_name(code: Code) -> String {
    format!("{code:?}").to_shouty_snake_case()
}
