//! An exception of Bedrock's, from an HTTP answer or from within a stream.

use std::time::Duration;

use serde::Deserialize;

/// An exception as Bedrock sent it.
#[derive(Debug, Clone, Default)]
pub struct Exception {
    /// Its name in PascalCase, as `ThrottlingException`, if Bedrock named it.
    pub name: Option<String>,
    /// The HTTP status; an exception within a stream has none.
    pub http_status: Option<u16>,
    /// Bedrock's words.
    pub message: String,
    /// The request it answers, if it came with headers of its own.
    pub request_id: Option<String>,
    /// `Retry-After`, if Bedrock sent it.
    pub retry_after: Option<Duration>,
    /// The model's own status, of ModelErrorException and ModelStreamErrorException.
    pub original_status_code: Option<u16>,
    /// The model that failed, of ModelErrorException.
    pub resource_name: Option<String>,
}

/// The members that Bedrock's exceptions have; the older services behind it write `Message`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Members {
    #[serde(alias = "Message")]
    message: Option<String>,
    original_status_code: Option<u16>,
    original_message: Option<String>,
    resource_name: Option<String>,
}

impl Exception {
    /// Reads an exception's name, as a header or a frame spells it, and its members. A body that is no JSON leaves the
    /// members empty: the name is what counts.
    #[must_use]
    pub fn parse(name: Option<&str>, body: &[u8]) -> Self {
        let members: Members = serde_json::from_slice(body).unwrap_or_default();
        Self {
            name: name.map(pascal_case).filter(|name| !name.is_empty()),
            message: members.message.or(members.original_message).unwrap_or_default(),
            original_status_code: members.original_status_code,
            resource_name: members.resource_name,
            ..Self::default()
        }
    }
}

/// HTTP spells it `ThrottlingException:http://internal.amazon.com/...` or `com.amazon#ThrottlingException`, a stream
/// `throttlingException`.
fn pascal_case(name: &str) -> String {
    let name = name.split(':').next().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default().trim();
    let mut letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::Exception;

    #[test]
    fn every_spelling_of_a_name_is_the_same_name() {
        for spelling in [
            "ThrottlingException",
            "throttlingException",
            "com.amazonaws.bedrock#ThrottlingException",
            "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/",
        ] {
            assert_eq!(Exception::parse(Some(spelling), b"").name.as_deref(), Some("ThrottlingException"));
        }
        assert_eq!(Exception::parse(Some(""), b"").name, None);
    }

    #[test]
    fn members_are_read_whatever_the_body_holds_besides() {
        let e = Exception::parse(Some("ModelErrorException"), br#"{"Message":"m","originalStatusCode":429,"x":1}"#);
        assert_eq!((e.message.as_str(), e.original_status_code), ("m", Some(429)));
        assert_eq!(Exception::parse(None, b"<html>").message, "");
    }
}
