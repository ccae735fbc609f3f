//! Floats. JSON has neither NaN nor infinity (serde_json would write null). In a request they are rejected. In a response
//! Smithy writes them as strings. <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

use super::reject::reject;
use super::{AwsJson, Reader};

impl AwsJson for f64 {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.is_finite() {
            return reject(serializer, NOT_FINITE);
        }
        serializer.serialize_f64(*self)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _: &mut Reader) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(NumberVisitor).map(Some)
    }
}

impl AwsJson for f32 {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.is_finite() {
            return reject(serializer, NOT_FINITE);
        }
        serializer.serialize_f32(*self)
    }

    #[allow(clippy::cast_possible_truncation, reason = "the nearest f32 is the intended value")]
    fn read<'de, D: Deserializer<'de>>(deserializer: D, _: &mut Reader) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(NumberVisitor).map(|n| Some(n as Self))
    }
}

const NOT_FINITE: &str = "NaN and infinity have no form in JSON";

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, n: f64) -> Result<f64, E> {
        Ok(n)
    }

    #[allow(clippy::cast_precision_loss, reason = "in JSON 1 and 1.0 are the same number")]
    fn visit_i64<E>(self, n: i64) -> Result<f64, E> {
        Ok(n as f64)
    }

    #[allow(clippy::cast_precision_loss, reason = "in JSON 1 and 1.0 are the same number")]
    fn visit_u64<E>(self, n: u64) -> Result<f64, E> {
        Ok(n as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        match text {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(E::custom("not a number")),
        }
    }
}
