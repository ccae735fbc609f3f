//! An exception that Bedrock sent, in an HTTP response or in an event stream.

use std::time::Duration;

use super::exception_members::ExceptionMembers;

/// An exception that Bedrock sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exception {
    /// Its name in PascalCase, for example `ThrottlingException`. `None` when Bedrock sent no name.
    pub(crate) name: Option<String>,
    /// The HTTP status of the response. An exception in an event stream has none.
    pub(crate) http_status: Option<u16>,
    /// Bedrock's error message. It may quote the prompt.
    pub(crate) message: String,
    /// Bedrock's id of the request, if the response with the exception has one. An exception in an event stream has none.
    pub(crate) request_id: Option<String>,
    /// The delay in `Retry-After`.
    pub(crate) retry_after: Option<Duration>,
    /// The status that the model returned (ModelErrorException and ModelStreamErrorException).
    pub(crate) original_status_code: Option<u16>,
    /// The model that failed (ModelErrorException).
    pub(crate) resource_name: Option<Box<str>>,
    /// Whether the request carried a Bedrock API key in place of a signature.
    pub(crate) uses_api_key: bool,
}

impl Exception {
    /// Whether a throttling is about a daily quota: "Too many tokens per day, please wait before trying again.". A retry within
    /// seconds cannot succeed.
    pub(crate) fn is_daily(&self) -> bool {
        self.message.to_ascii_lowercase().contains("per day")
    }

    /// Whether Bedrock rejected the API key of the request. Bedrock uses the same exception for a missing permission.
    pub(super) fn rejects_api_key(&self) -> bool {
        self.uses_api_key && (self.http_status == Some(401) || self.message.to_ascii_lowercase().contains("api key"))
    }

    /// Whether Bedrock rejected the signature of this request and not the key that signed it. A signature with a wrong time is
    /// left out: the clock is wrong for every request. <https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html>
    pub(super) fn rejects_signature(&self) -> bool {
        let has_wrong_time = || {
            let text = self.message.to_ascii_lowercase();
            text.contains("signature expired") || text.contains("signature not yet current")
        };
        match self.name.as_deref() {
            Some("SignatureDoesNotMatch" | "InvalidSignatureException") => !has_wrong_time(),
            Some(
                "IncompleteSignature"
                | "IncompleteSignatureException"
                | "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException",
            ) => true,
            _ => false,
        }
    }

    /// Reads an exception: its name as a header or a frame spells it, and the members in its body. A body that is not JSON
    /// leaves the members empty, because the name is enough to classify the exception.
    #[must_use]
    pub(crate) fn parse(name: Option<&str>, body: &[u8]) -> Self {
        let members = ExceptionMembers::parse(body);
        Self {
            name: name.map(to_pascal_case).filter(|name| !name.is_empty()),
            message: members.message.or(members.original_message).unwrap_or_default(),
            original_status_code: members.original_status_code,
            resource_name: members.resource_name.map(Into::into),
            ..Self::default()
        }
    }
}

/// Normalizes a name. An HTTP response spells it `ThrottlingException:http://internal.amazon.com/...` or
/// `com.amazon#ThrottlingException`, and an event stream spells it `throttlingException`.
fn to_pascal_case(name: &str) -> String {
    let name = name.split(':').next().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default().trim();
    let mut letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::Exception;

    #[test]
    fn every_spelling_of_an_exception_name_is_normalized() {
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
    fn wrong_time_and_rejected_credentials_are_not_a_rejected_signature() {
        let exception = |name, text| {
            Exception::parse(Some(name), format!(r#"{{"message":"{text}"}}"#).as_bytes()).rejects_signature()
        };
        for name in ["SignatureDoesNotMatch", "InvalidSignatureException"] {
            assert!(exception(name, "The request signature we calculated does not match the signature you provided."));
            assert!(!exception(name, "Signature expired: 20261125T020000Z is now earlier than 20261125T020500Z"));
            assert!(!exception(
                name,
                "Signature not yet current: 20261125T021000Z is still later than 20261125T020500Z"
            ));
        }
        assert!(exception("MissingAuthenticationToken", "Missing Authentication Token"));
        assert!(!exception("ExpiredTokenException", "The security token included in the request is expired"));
        assert!(!exception("UnrecognizedClientException", "The security token included in the request is invalid."));
    }
}
