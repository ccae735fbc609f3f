//! Floats. JSON has neither NaN nor infinity (serde_json would write null): in a request they are refused; in an answer
//! Smithy spells them as strings. <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::refuse;

/// f32 or f64.
pub(crate) trait Float: Copy + Into<f64> + Serialize {
    /// The nearest value of this type.
    fn nearest(n: f64) -> Self;
}

impl Float for f64 {
    fn nearest(n: f64) -> Self {
        n
    }
}

impl Float for f32 {
    #[allow(clippy::cast_possible_truncation, reason = "the nearest f32 is what is wanted")]
    fn nearest(n: f64) -> Self {
        n as Self
    }
}

pub(crate) fn serialize<T: Float, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(n) => Finite(*n).serialize(serializer),
        None => serializer.serialize_none(),
    }
}

/// A number that JSON can hold, or an error.
pub(crate) struct Finite<T>(pub(crate) T);

impl<T: Float> Serialize for Finite<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.into().is_finite() {
            return refuse(serializer, "NaN and infinity have no form in JSON");
        }
        self.0.serialize(serializer)
    }
}

pub(crate) fn deserialize<'de, T: Float, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Number<T>>::deserialize(deserializer)?.map(|number| number.0))
}

struct Number<T>(T);

impl<'de, T: Float> Deserialize<'de> for Number<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor(PhantomData))
    }
}

struct NumberVisitor<T>(PhantomData<T>);

impl<T: Float> Visitor<'_> for NumberVisitor<T> {
    type Value = Number<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, n: f64) -> Result<Number<T>, E> {
        Ok(Number(T::nearest(n)))
    }

    #[allow(clippy::cast_precision_loss, reason = "JSON does not tell 1 from 1.0")]
    fn visit_i64<E>(self, n: i64) -> Result<Number<T>, E> {
        Ok(Number(T::nearest(n as f64)))
    }

    #[allow(clippy::cast_precision_loss, reason = "JSON does not tell 1 from 1.0")]
    fn visit_u64<E>(self, n: u64) -> Result<Number<T>, E> {
        Ok(Number(T::nearest(n as f64)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Number<T>, E> {
        match text {
            "NaN" => Ok(Number(T::nearest(f64::NAN))),
            "Infinity" => Ok(Number(T::nearest(f64::INFINITY))),
            "-Infinity" => Ok(Number(T::nearest(f64::NEG_INFINITY))),
            _ => Err(E::custom("not a number")),
        }
    }
}
