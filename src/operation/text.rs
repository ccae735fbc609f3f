//! Values as text: members in a path, a query or a header.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use prost_types::Timestamp;

use super::{Binding, Place};
use crate::json::Invalid;

/// How AWS writes a timestamp: <https://smithy.io/2.0/spec/protocol-traits.html#timestampformat-trait>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampForm {
    /// `2026-01-02T03:04:05Z`
    Iso8601,
    /// `Fri, 02 Jan 2026 03:04:05 GMT`
    Rfc822,
    /// Seconds since 1970, with a fraction if there is one.
    UnixTimestamp,
}

/// A field that can be in a path, a query or a header.
pub trait BoundField {
    /// Calls `visit` with each value as text, and with the rest of its name: the key of a map's entry, otherwise an empty
    /// text.
    ///
    /// # Errors
    /// A description of what is wrong. It does not contain the value.
    fn visit(&self, form: TimestampForm, visit: &mut dyn FnMut(&str, &str)) -> Result<(), &'static str>;

    /// Sets the field from text. Returns whether the text could be read.
    fn set(&mut self, form: TimestampForm, suffix: &str, text: &str) -> bool;
}

/// One value as text.
trait Text: Sized {
    fn write(&self, form: TimestampForm) -> Result<String, &'static str>;
    fn read(text: &str, form: TimestampForm) -> Option<Self>;
}

macro_rules! plain_text {
    ($($type:ty),*) => {$(
        impl Text for $type {
            fn write(&self, _: TimestampForm) -> Result<String, &'static str> {
                Ok(self.to_string())
            }

            fn read(text: &str, _: TimestampForm) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}

plain_text!(bool, i32, i64, f32, f64, String);

impl Text for Timestamp {
    fn write(&self, form: TimestampForm) -> Result<String, &'static str> {
        if !(0..1_000_000_000).contains(&self.nanos) {
            return Err("nanos must be 0 to 999,999,999");
        }
        match form {
            // RFC 3339 has these years, and protobuf's Timestamp too.
            TimestampForm::Iso8601 if !(-62_135_596_800..=253_402_300_799).contains(&self.seconds) => {
                Err("must be in the years 0001 to 9999")
            }
            TimestampForm::Iso8601 => Ok(self.to_string()),
            TimestampForm::UnixTimestamp if self.nanos == 0 => Ok(self.seconds.to_string()),
            TimestampForm::UnixTimestamp => {
                // A negative time counts its fraction from the second before.
                let total = i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos);
                let (sign, total) = (if total < 0 { "-" } else { "" }, total.unsigned_abs());
                let text = format!("{sign}{}.{:09}", total / 1_000_000_000, total % 1_000_000_000);
                Ok(text.trim_end_matches('0').to_owned())
            }
            TimestampForm::Rfc822 => {
                let seconds = u64::try_from(self.seconds).map_err(|_| "a time before 1970 has no form here")?;
                // The text has four digits for the year.
                if seconds > 253_402_300_799 {
                    return Err("a time after the year 9999 has no form here");
                }
                Ok(httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
            }
        }
    }

    fn read(text: &str, form: TimestampForm) -> Option<Self> {
        match form {
            TimestampForm::Iso8601 => text.parse().ok(),
            TimestampForm::UnixTimestamp => read_unix(text),
            TimestampForm::Rfc822 => httpdate::parse_http_date(text).ok().map(Timestamp::from),
        }
    }
}

fn read_unix(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    match (text.starts_with('-'), nanos) {
        (true, 1..) => Some(Timestamp { seconds: seconds - 1, nanos: 1_000_000_000 - nanos }),
        _ => Some(Timestamp { seconds, nanos }),
    }
}

impl<T: Text> BoundField for Option<T> {
    fn visit(&self, form: TimestampForm, visit: &mut dyn FnMut(&str, &str)) -> Result<(), &'static str> {
        if let Some(value) = self {
            visit("", &value.write(form)?);
        }
        Ok(())
    }

    fn set(&mut self, form: TimestampForm, _: &str, text: &str) -> bool {
        *self = T::read(text, form);
        self.is_some()
    }
}

impl<T: Text> BoundField for Vec<T> {
    fn visit(&self, form: TimestampForm, visit: &mut dyn FnMut(&str, &str)) -> Result<(), &'static str> {
        self.iter().try_for_each(|value| {
            visit("", &value.write(form)?);
            Ok(())
        })
    }

    /// A header's list is separated by commas.
    fn set(&mut self, form: TimestampForm, _: &str, text: &str) -> bool {
        let values: Option<Vec<_>> = text.split(',').map(|part| T::read(part.trim(), form)).collect();
        let is_read = values.is_some();
        self.extend(values.unwrap_or_default());
        is_read
    }
}

impl<T: Text> BoundField for BTreeMap<String, T> {
    fn visit(&self, form: TimestampForm, visit: &mut dyn FnMut(&str, &str)) -> Result<(), &'static str> {
        self.iter().try_for_each(|(key, value)| {
            visit(key, &value.write(form)?);
            Ok(())
        })
    }

    fn set(&mut self, form: TimestampForm, suffix: &str, text: &str) -> bool {
        let value = T::read(text, form);
        let is_read = value.is_some();
        self.extend(value.map(|value| (suffix.to_owned(), value)));
        is_read
    }
}

/// Visits one bound field.
pub(super) fn visit(
    binding: &'static Binding,
    field: &dyn BoundField,
    form: TimestampForm,
    visit: &mut dyn FnMut(&'static Binding, &str, &str),
) -> Result<(), Invalid> {
    let mut visit_one = |suffix: &str, value: &str| match (binding.place, suffix) {
        (_, "") => visit(binding, binding.name, value),
        (Place::Headers, suffix) => visit(binding, &format!("{}{suffix}", binding.name), value),
        (_, key) => visit(binding, key, value),
    };
    let visited = field.visit(form, &mut visit_one);
    visited.map_err(|reason| Invalid { path: binding.member.to_owned(), reason: reason.to_owned() })
}

/// Sets one bound field from a header.
pub(super) fn set(binding: &Binding, field: &mut dyn BoundField, form: TimestampForm, name: &str, value: &str) -> bool {
    let prefix = if binding.place == Place::Headers { binding.name.len() } else { name.len() };
    field.set(form, name.get(prefix..).unwrap_or_default(), value)
}
