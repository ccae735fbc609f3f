//! What a caller chooses for one call with request metadata `bedrock-grpc-*`.

use bedrock_grpc_schema::json::DocumentForm;
use http::HeaderMap;

use crate::error::Failure;

/// Names of this form belong to the gateway. An unknown one is rejected: it is a typing error, or a newer gateway's option,
/// and the call must not run without it.
const PREFIX: &str = "bedrock-grpc-";

/// The form of documents in responses: `json` (exact text, the default) or `value` (`google.protobuf.Value`).
const DOCUMENTS: &str = "bedrock-grpc-documents";

/// The caller's choices for one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CallOptions {
    /// The form of documents in the response.
    pub(crate) documents: DocumentForm,
}

/// Reads the options from the request's metadata.
///
/// # Errors
/// [`Failure::Invalid`] for a name that no option has, or a value that the option does not have.
pub(super) fn parse_call_options(headers: &HeaderMap) -> Result<CallOptions, Failure> {
    let mut options = CallOptions::default();
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with(PREFIX)) {
        let problem = match (name.as_str(), value.as_bytes()) {
            (DOCUMENTS, b"json") => {
                options.documents = DocumentForm::Text;
                continue;
            }
            (DOCUMENTS, b"value") => {
                options.documents = DocumentForm::Value;
                continue;
            }
            (DOCUMENTS, _) => "must be `json` or `value`",
            _ => "this gateway does not know the request metadata",
        };
        return Err(Failure::Invalid { field: name.as_str().to_owned(), problem: problem.to_owned() });
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn parse(name: &'static str, value: &'static str) -> Result<CallOptions, String> {
        let headers = HeaderMap::from_iter([
            (http::header::USER_AGENT, HeaderValue::from_static("test")),
            (http::HeaderName::from_static(name), HeaderValue::from_static(value)),
        ]);
        parse_call_options(&headers).map_err(|failure| failure.to_string())
    }

    #[test]
    fn documents_option_selects_the_form() {
        assert_eq!(parse("accept", "x"), Ok(CallOptions { documents: DocumentForm::Text }));
        assert_eq!(parse(DOCUMENTS, "json"), Ok(CallOptions { documents: DocumentForm::Text }));
        assert_eq!(parse(DOCUMENTS, "value"), Ok(CallOptions { documents: DocumentForm::Value }));
    }

    #[test]
    fn unknown_name_or_value_is_rejected_with_the_name() {
        assert!(parse(DOCUMENTS, "struct").is_err_and(|text| text.starts_with(DOCUMENTS)));
        assert!(parse("bedrock-grpc-document", "value").is_err_and(|text| text.starts_with("bedrock-grpc-document:")));
    }
}
