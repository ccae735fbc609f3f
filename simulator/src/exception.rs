//! Bedrock's exceptions: names, statuses, and how they look as an HTTP answer and as a frame.
//!
//! Statuses are those of the error structures on AWS's API pages; for the names that are common to all AWS services,
//! those of "Common Error Types" and of "Troubleshooting Amazon Bedrock API Error Codes".

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use crate::answer::{Answer, Outcome, error_type};
use crate::frames;

/// An exception with what AWS says in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    /// In PascalCase: `ThrottlingException`. Empty: none.
    pub(crate) name: &'static str,
    pub(crate) status: StatusCode,
    body: Body,
    retry_after: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    message: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_message: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
}

impl Exception {
    pub(crate) fn new(name: &'static str, status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name,
            status,
            body: Body {
                message: message.into(),
                original_status_code: None,
                original_message: None,
                resource_name: None,
            },
            retry_after: None,
        }
    }

    /// A status and a message without a name, as what stands in front of Bedrock may answer.
    pub(crate) fn nameless(status: StatusCode, message: &'static str) -> Self {
        Self::new("", status, message)
    }

    pub(crate) fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("ValidationException", StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn serialization(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("SerializationException", StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn unknown_operation() -> Self {
        Self::new(
            "UnknownOperationException",
            StatusCode::NOT_FOUND,
            "The requested operation is not recognized by the service.",
        )
    }

    /// What the model behind Bedrock answered (ModelErrorException).
    pub(crate) fn with_original_status(mut self, status: u16) -> Self {
        self.body.original_status_code = Some(status);
        self
    }

    /// What the model behind Bedrock said (ModelStreamErrorException).
    pub(crate) fn with_original_message(mut self, message: &'static str) -> Self {
        self.body.original_message = Some(message);
        self
    }

    /// Says which model failed, in the one exception that has a member for it.
    pub(crate) fn with_resource_name_of(mut self, model_id: &str) -> Self {
        if self.name == "ModelErrorException" {
            self.body.resource_name = Some(model_id.to_owned());
        }
        self
    }

    /// Seconds for the header `retry-after`.
    pub(crate) fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// As an answer of its own.
    pub(crate) fn answer(&self) -> Answer {
        let mut answer = Answer::json(self.status, self.payload());
        if !self.name.is_empty() {
            answer = answer.with_header("x-amzn-errortype", &error_type(self.name));
        }
        match self.retry_after {
            Some(seconds) => answer.with_header("retry-after", &seconds.to_string()),
            None => answer,
        }
    }

    /// As a frame inside a stream, where the name is in camelCase.
    pub(crate) fn frame(&self) -> Bytes {
        let mut name = self.name.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        frames::exception(&name, &self.payload())
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        serde_json::to_vec(&self.body).unwrap_or_default()
    }
}

impl From<Exception> for Outcome {
    fn from(exception: Exception) -> Self {
        Self::Answer(exception.answer())
    }
}
