//! The members in the body of an exception. Each member is read on its own, so that an unexpected value of one does not lose
//! the others.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members that Bedrock's exceptions have. A member that is missing or has an unexpected value is `None`.
#[derive(Debug, Default)]
pub(super) struct ExceptionMembers {
    /// `message`. Some services behind Bedrock write `Message`.
    pub(super) message: Option<String>,
    /// `originalMessage`: the message of the model.
    pub(super) original_message: Option<String>,
    /// `originalStatusCode`: the HTTP status of the model.
    pub(super) original_status_code: Option<u16>,
    /// `resourceName`: the model that failed.
    pub(super) resource_name: Option<String>,
}

impl ExceptionMembers {
    /// Reads the members of a body. Members before a syntax error are kept. A body that is not a JSON object has none.
    pub(super) fn parse(body: &[u8]) -> Self {
        let mut members = Self::default();
        let _ = MembersSeed(&mut members).deserialize(&mut serde_json::Deserializer::from_slice(body));
        members
    }

    fn set(&mut self, name: &str, value: &str) {
        match name {
            "message" => self.message = text(value).or(self.message.take()),
            // The usual spelling wins when both are there.
            "Message" => self.message = self.message.take().or_else(|| text(value)),
            "originalMessage" => self.original_message = text(value),
            "originalStatusCode" => self.original_status_code = status_code(value),
            "resourceName" => self.resource_name = text(value),
            _ => {}
        }
    }
}

fn text(value: &str) -> Option<String> {
    serde_json::from_str(value).ok()
}

/// Reads a status code that is written as `429`, `429.0` or `"429"`.
fn status_code(value: &str) -> Option<u16> {
    let number: f64 = value.trim_matches('"').parse().ok()?;
    // The cast saturates, and HTTP statuses have three digits.
    (100.0..1000.0).contains(&number).then_some(number as u16)
}

struct MembersSeed<'a>(&'a mut ExceptionMembers);

impl<'de> DeserializeSeed<'de> for MembersSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MembersSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the members of an exception")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match &*name {
                "message" | "Message" | "originalMessage" | "originalStatusCode" | "resourceName" => {
                    self.0.set(&name, map.next_value::<&RawValue>()?.get());
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ExceptionMembers;

    #[test]
    fn unknown_members_are_skipped() {
        let members = ExceptionMembers::parse(br#"{"x":[1],"Message":"m","originalStatusCode":429}"#);
        assert_eq!((members.message.as_deref(), members.original_status_code), (Some("m"), Some(429)));
    }

    #[test]
    fn message_is_read_in_both_spellings_and_the_small_one_wins() {
        for body in [r#"{"message":"a","Message":"b"}"#, r#"{"Message":"b","message":"a"}"#, r#"{"message":"a"}"#] {
            assert_eq!(ExceptionMembers::parse(body.as_bytes()).message.as_deref(), Some("a"), "{body}");
        }
    }

    #[test]
    fn message_survives_any_value_of_the_other_members() {
        for (value, code) in [
            ("429", Some(429)),
            ("429.0", Some(429)),
            ("\"429\"", Some(429)),
            ("65536", None),
            ("-1", None),
            ("{}", None),
            ("null", None),
            ("1e999", None),
        ] {
            let body = format!(r#"{{"originalStatusCode":{value},"resourceName":7,"message":"m"}}"#);
            let members = ExceptionMembers::parse(body.as_bytes());
            assert_eq!((members.message.as_deref(), members.original_status_code), (Some("m"), code), "{value}");
            assert_eq!(members.resource_name, None);
        }
    }

    #[test]
    fn members_before_a_syntax_error_are_kept() {
        assert_eq!(ExceptionMembers::parse(br#"{"message":"m","x":"#).message.as_deref(), Some("m"));
    }

    #[test]
    fn bodies_that_are_not_objects_have_no_members() {
        for body in ["", "<html>", "[]", "null", "\"text\"", r#"{"message":{}}"#] {
            assert_eq!(ExceptionMembers::parse(body.as_bytes()).message, None, "{body}");
        }
    }
}
