//! Integers. Both `12` and `12.0` are read, since some of Bedrock's models are served by code that has only floats.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

use super::{AwsJson, Reader};

impl AwsJson for i32 {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(*self)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _: &mut Reader) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_i32(IntegerVisitor(PhantomData)).map(Some)
    }
}

impl AwsJson for i64 {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(*self)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _: &mut Reader) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_i64(IntegerVisitor(PhantomData)).map(Some)
    }
}

/// The largest integer below which a double still holds every integer: 2^53.
const LARGEST_EXACT_DOUBLE: f64 = 9_007_199_254_740_992.0;

struct IntegerVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i64>> Visitor<'_> for IntegerVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<T, E> {
        T::try_from(n).map_err(|_| E::custom("an integer out of range"))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<T, E> {
        self.visit_i64(i64::try_from(n).map_err(|_| E::custom("an integer out of range"))?)
    }

    #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
    fn visit_f64<E: Error>(self, n: f64) -> Result<T, E> {
        if n.fract() != 0.0 || n.abs() > LARGEST_EXACT_DOUBLE {
            return Err(E::custom("not an integer"));
        }
        self.visit_i64(n as i64)
    }
}
