//! The members of a request as AWS JSON, each as its exact text.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::commands::connection::CommandError;

/// The members of a JSON object, each as exact text.
pub(super) type Members = BTreeMap<String, Box<RawValue>>;

/// A string as JSON text.
pub(super) fn to_raw(text: &str) -> Result<Box<RawValue>, CommandError> {
    serde_json::value::to_raw_value(text).map_err(|error| CommandError::Usage(error.to_string()))
}
