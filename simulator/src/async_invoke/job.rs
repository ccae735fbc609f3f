//! A job and how it looks from outside.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::Serialize;

/// 2026-01-01T00:00:00Z. Every job is one second younger than the one before: no clock shows in an answer.
const FIRST_DAY: i64 = 1_767_225_600;
/// Seconds from a job's start to its end.
const DURATION: i64 = 60;
/// How often a job is looked at until it has ended.
const LOOKS: u8 = 2;
const FAILURE: &str = "The model failed to process the input.";

/// What StartAsyncInvoke is asked for.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) region: String,
    pub(super) model_arn: String,
    pub(super) output: OutputDataConfig,
    pub(super) token: Option<String>,
    /// Of the whole request: the same token with another one is a conflict.
    pub(super) digest: u64,
    pub(super) fails: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OutputDataConfig {
    pub(super) s3_output_data_config: S3OutputDataConfig,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct S3OutputDataConfig {
    pub(super) s3_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bucket_owner: Option<String>,
}

#[derive(Debug)]
pub(super) struct Job {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) arn: String,
    pub(super) order: Order,
    looks: u8,
}

/// AsyncInvokeSummary, which has the same members as GetAsyncInvoke's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    invocation_arn: String,
    model_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_token: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_message: Option<&'static str>,
    submit_time: String,
    last_modified_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
    output_data_config: OutputDataConfig,
}

impl Job {
    pub(super) fn new(number: u64, arn: String, order: Order) -> Self {
        Self { number, arn, order, looks: 0 }
    }

    pub(super) fn look_at(&mut self) {
        self.looks = LOOKS.min(self.looks + 1);
    }

    pub(super) fn status(&self) -> &'static str {
        match (self.looks < LOOKS, self.order.fails) {
            (true, _) => "InProgress",
            (false, false) => "Completed",
            (false, true) => "Failed",
        }
    }

    pub(super) fn submitted(&self) -> DateTime {
        DateTime::from_secs(FIRST_DAY.saturating_add_unsigned(self.number))
    }

    pub(super) fn summary(&self) -> Summary {
        let status = self.status();
        let submitted = self.submitted();
        let ended = (status != "InProgress").then(|| DateTime::from_secs(submitted.secs().saturating_add(DURATION)));
        Summary {
            invocation_arn: self.arn.clone(),
            model_arn: self.order.model_arn.clone(),
            client_request_token: self.order.token.clone(),
            status,
            failure_message: (status == "Failed").then_some(FAILURE),
            submit_time: text(submitted),
            last_modified_time: text(ended.unwrap_or(submitted)),
            end_time: ended.map(text),
            output_data_config: self.order.output.clone(),
        }
    }
}

/// ISO 8601, with Z. (Only a year beyond 9999 has no such text.)
fn text(time: DateTime) -> String {
    time.fmt(Format::DateTime).unwrap_or_default()
}
