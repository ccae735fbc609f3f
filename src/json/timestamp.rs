//! Timestamps. Written as RFC 3339 text (Smithy's `date-time`, which botocore calls `iso8601`). Read from every form that
//! Smithy has: RFC 3339 text, an HTTP date, or epoch seconds as a number or as text. boto3 reads all of them.
//! <https://smithy.io/2.0/spec/protocol-traits.html#timestampformat-trait>

use std::fmt;
use std::time::SystemTime;

use prost_types::Timestamp;
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

use super::reject::reject;
use super::{AwsJson, Reader};

impl AwsJson for Timestamp {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Display writes any number of nanoseconds, but RFC 3339 allows less than a second.
        if !(0..NANOS_PER_SECOND).contains(&self.nanos) {
            return reject(serializer, "nanos must be 0 to 999,999,999");
        }
        serializer.collect_str(self)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _: &mut Reader) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(TimestampVisitor).map(Some)
    }
}

const NANOS_PER_SECOND: i32 = 1_000_000_000;

struct TimestampVisitor;

impl Visitor<'_> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
        if let Ok(time) = text.parse() {
            return Ok(time);
        }
        if let Ok(seconds) = text.parse::<f64>() {
            return from_epoch_seconds(seconds);
        }
        let date: httpdate::HttpDate = text.parse().map_err(|_| E::custom("not a time"))?;
        Ok(SystemTime::from(date).into())
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Timestamp, E> {
        Ok(Timestamp { seconds, nanos: 0 })
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Timestamp, E> {
        let seconds = i64::try_from(seconds).map_err(|_| E::custom("a time out of range"))?;
        Ok(Timestamp { seconds, nanos: 0 })
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Timestamp, E> {
        from_epoch_seconds(seconds)
    }
}

/// The years 0001 to 9999 in epoch seconds: what protobuf's Timestamp may hold.
const SECONDS: std::ops::RangeInclusive<f64> = -62_135_596_800.0..=253_402_300_799.0;

/// Smithy allows milliseconds in epoch seconds. Finer digits of the double are noise.
#[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
fn from_epoch_seconds<E: Error>(seconds: f64) -> Result<Timestamp, E> {
    if !SECONDS.contains(&seconds) {
        return Err(E::custom("a time out of range"));
    }
    let millis = (seconds * 1000.0).round() as i64;
    let nanos = (millis.rem_euclid(1000) * 1_000_000) as i32;
    Ok(Timestamp { seconds: millis.div_euclid(1000), nanos })
}
