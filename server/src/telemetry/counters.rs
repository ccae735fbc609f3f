//! What is counted: so far, what is lost.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};

use super::names;

/// How many names are told apart; Bedrock's answers are not in our hand, and a label must be bounded.
const NAMES_LIMIT: usize = 200;

static UNKNOWN_MEMBERS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let meter = global::meter(names::SCOPE);
    meter
        .u64_counter(names::UNKNOWN_MEMBERS)
        .with_description("Members of Bedrock's answers that the schema does not have and the caller did not get")
        .build()
});

static MISSING_METADATA: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let meter = global::meter(names::SCOPE);
    meter
        .u64_counter(names::MISSING_METADATA)
        .with_description("Streams that ended without metadata, and so without usage")
        .build()
});

static SEEN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// Counts a member that the schema does not have, and logs its name the first time.
pub(crate) fn unknown_member(name: &str) {
    let (known, full) = {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.contains(name);
        let full = !known && seen.len() >= NAMES_LIMIT;
        if !known && !full {
            seen.insert(name.to_owned());
        }
        (known, full)
    };
    if !known && !full {
        tracing::warn!(
            member = name,
            "Bedrock sent a member that the schema does not have; it is left out and counted"
        );
    }
    let label = if full { "other" } else { name };
    UNKNOWN_MEMBERS.add(1, &[KeyValue::new(names::MEMBER, label.to_owned())]);
}

/// Counts a stream that ended after `messageStop` without `metadata`.
pub(crate) fn missing_metadata() {
    MISSING_METADATA.add(1, &[]);
}
