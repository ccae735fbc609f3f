//! Blobs: bytes in protobuf, base64 in JSON.

use std::fmt;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

use super::{AwsJson, Reader};

impl AwsJson for Bytes {
    /// `collect_str` writes straight into the body, so that an image of 20 MB is not copied once more.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self, &STANDARD))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D, _: &mut Reader) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_str(BlobVisitor).map(Some)
    }
}

struct BlobVisitor;

impl Visitor<'_> for BlobVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        STANDARD.decode(text).map(Bytes::from).map_err(|_| E::custom("not base64"))
    }
}
