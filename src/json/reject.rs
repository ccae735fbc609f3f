//! Rejections that carry the path of the field.

use std::fmt::Display;

use serde::ser::{Error as _, Serialize, Serializer};

/// A value that cannot be written, for a reason. Writing it fails with that reason.
pub(super) struct Rejected<D>(pub(super) D);

impl<D: Display> Serialize for Rejected<D> {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom(&self.0))
    }
}

/// Fails at the place of `serializer`. An error that is only returned gets the path of its parent. An error that comes from
/// a call of the serializer gets its own path.
pub(super) fn reject<S: Serializer>(serializer: S, reason: impl Display) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&Rejected(reason))
}
