//! Integers. Written as they are; read from `12` and from `12.0` alike, since some of Bedrock's models are served by code
//! that has only floats.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

pub(crate) fn serialize<T: Serialize, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.serialize(serializer)
}

pub(crate) fn deserialize<'de, T: TryFrom<i64>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Integer<T>>::deserialize(deserializer)?.map(|integer| integer.0))
}

struct Integer<T>(T);

impl<'de, T: TryFrom<i64>> Deserialize<'de> for Integer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(IntegerVisitor(PhantomData))
    }
}

struct IntegerVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i64>> Visitor<'_> for IntegerVisitor<T> {
    type Value = Integer<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Integer<T>, E> {
        T::try_from(n).map(Integer).map_err(|_| E::custom("an integer out of range"))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Integer<T>, E> {
        self.visit_i64(i64::try_from(n).map_err(|_| E::custom("an integer out of range"))?)
    }

    #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
    fn visit_f64<E: Error>(self, n: f64) -> Result<Integer<T>, E> {
        // 2^53: beyond it a double no longer tells neighbouring integers apart.
        if n.fract() != 0.0 || n.abs() > 9_007_199_254_740_992.0 {
            return Err(E::custom("not an integer"));
        }
        self.visit_i64(n as i64)
    }
}
