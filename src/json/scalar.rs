//! Scalars that JSON and protobuf write alike: strings and booleans. Also boxed messages: prost boxes a message that
//! contains itself.

use serde::de::{Deserialize, Deserializer};
use serde::ser::Serializer;

use super::{AwsJson, Reader};

impl AwsJson for String {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _: &mut Reader) -> Result<Option<Self>, D::Error> {
        Self::deserialize(deserializer).map(Some)
    }
}

impl AwsJson for bool {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _: &mut Reader) -> Result<Option<Self>, D::Error> {
        Self::deserialize(deserializer).map(Some)
    }
}

impl<T: AwsJson> AwsJson for Box<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::write(self, serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, reader: &mut Reader) -> Result<Option<Self>, D::Error> {
        Ok(T::read(deserializer, reader)?.map(Self::new))
    }
}
