//! The state while one body or event is read: the form of documents, and the unknown members that were found.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

use super::{AwsJson, DocumentForm};

/// The state of reading one body or one event.
#[derive(Debug)]
pub struct Reader {
    documents: DocumentForm,
    /// Whether the next structure may hold an event's padding.
    padding: bool,
    /// The unknown members so far. A member's path is complete when all structures around it have been read.
    unknown: Vec<String>,
}

impl Reader {
    pub(super) fn new(documents: DocumentForm) -> Self {
        Self { documents, padding: false, unknown: Vec::new() }
    }

    pub(super) fn documents(&self) -> DocumentForm {
        self.documents
    }

    /// The next structure is an event, which Bedrock may have padded.
    pub(super) fn expect_padding(&mut self) {
        self.padding = true;
    }

    /// Whether the structure that starts here is an event.
    pub(super) fn take_padding(&mut self) -> bool {
        std::mem::take(&mut self.padding)
    }

    pub(super) fn note_unknown(&mut self, name: &str) {
        self.unknown.push(name.to_owned());
    }

    /// Runs `read`, which reads the member `name`, and puts `name` before the unknown members that it finds.
    pub(super) fn in_member<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.unknown.len();
        let result = read(self);
        for unknown in self.unknown.get_mut(before..).unwrap_or_default() {
            *unknown = format!("{name}.{unknown}");
        }
        result
    }

    /// Gives each unknown member to `report`, under `prefix` if there is one.
    pub(super) fn report_unknown(&self, prefix: &str, mut report: impl FnMut(&str)) {
        for unknown in &self.unknown {
            if prefix.is_empty() { report(unknown) } else { report(&format!("{prefix}.{unknown}")) }
        }
    }
}

/// Reads a value that may be null. Null is `None`.
pub(super) struct ValueSeed<'a, T>(&'a mut Reader, PhantomData<T>);

impl<'a, T> ValueSeed<'a, T> {
    pub(super) fn new(reader: &'a mut Reader) -> Self {
        Self(reader, PhantomData)
    }
}

impl<'de, T: AwsJson> DeserializeSeed<'de> for ValueSeed<'_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: AwsJson> Visitor<'de> for ValueSeed<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        T::read(deserializer, self.0)
    }
}
