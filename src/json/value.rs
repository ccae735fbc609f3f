//! A value in the form that serde writes.

use serde::ser::{Serialize, Serializer};

use super::AwsJson;

/// A value as serde sees it.
pub(crate) struct Json<'a, T>(pub(crate) &'a T);

impl<T: AwsJson> Serialize for Json<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}
