//! Timestamps: RFC 3339 text in JSON (AWS's `iso8601` and `date-time` formats).

use prost_types::Timestamp;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::Serializer;

use super::refuse;

pub(crate) fn serialize<S: Serializer>(value: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        // Timestamp's Display takes any number of nanoseconds; RFC 3339 has a second's worth of them.
        Some(time) if !(0..1_000_000_000).contains(&time.nanos) => refuse(serializer, "nanos must be 0 to 999,999,999"),
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| D::Error::custom("not an RFC 3339 time"))
}
