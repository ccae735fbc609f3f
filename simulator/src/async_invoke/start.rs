//! StartAsyncInvoke's request.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::job::{Order, OutputDataConfig, S3OutputDataConfig};
use crate::converse::Constraints;
use crate::exception::Exception;
use crate::json::{Text, union};
use crate::noise::seed;

const MODEL_ID: &str = "[a-zA-Z_\\.\\-/0-9:]+";
const S3_URI: &str = "s3://[a-z0-9][\\.\\-a-z0-9]{1,61}[a-z0-9](/.*)?";
const OUTPUT: &str = "outputDataConfig.s3OutputDataConfig";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartRequest<'a> {
    #[serde(borrow)]
    client_request_token: Option<Text<'a>>,
    pub(super) model_id: Option<Text<'a>>,
    model_input: Option<&'a RawValue>,
    output_data_config: Option<OutputConfig<'a>>,
    tags: Option<Vec<Tag<'a>>>,
}

union! {
    OutputConfig<'a> {
        "s3OutputDataConfig" => S3(S3Config<'a>),
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct S3Config<'a> {
    #[serde(borrow)]
    s3_uri: Option<Text<'a>>,
    kms_key_id: Option<Text<'a>>,
    bucket_owner: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    key: Option<Text<'a>>,
    value: Option<Text<'a>>,
}

/// The order, if everything about it is in order.
pub(super) fn check(request: &StartRequest<'_>, region: &str, body: &[u8], fails: bool) -> Result<Order, Exception> {
    let mut found = Constraints::default();
    let token = request.client_request_token.as_deref();
    if let Some(token) = token {
        found.length(token.len(), "clientRequestToken", 1, 256);
        found.pattern(Some(token), "clientRequestToken", "[!-~]*", |c| c.is_ascii_graphic());
    }
    found.required(&request.model_id, "modelId");
    if let Some(model_id) = &request.model_id {
        found.length(model_id.len(), "modelId", 1, 256);
        found.pattern(Some(model_id), "modelId", MODEL_ID, |c| c.is_ascii_alphanumeric() || "_.-/:".contains(c));
    }
    found.required(&request.model_input, "modelInput");
    found.required(&request.output_data_config, "outputDataConfig");
    let output = match &request.output_data_config {
        Some(OutputConfig::S3(output)) => Some(output),
        _ => None,
    };
    if let Some(output) = output {
        s3(&mut found, output);
    }
    for (tag, index) in request.tags.iter().flatten().zip(1..) {
        found.required(&tag.key, &format!("tags.{index}.member.key"));
        found.required(&tag.value, &format!("tags.{index}.member.value"));
    }
    found.result()?;

    let Some(output) = output else {
        return Err(Exception::validation("outputDataConfig must set s3OutputDataConfig."));
    };
    if !request.model_input.is_some_and(|input| input.get().starts_with('{')) {
        return Err(Exception::validation("modelInput must be a JSON object."));
    }
    let owned = |text: &Option<Text<'_>>| text.as_deref().map(str::to_owned);
    Ok(Order {
        region: region.to_owned(),
        model_arn: model_arn(request.model_id.as_deref().unwrap_or_default(), region),
        output: OutputDataConfig {
            s3_output_data_config: S3OutputDataConfig {
                s3_uri: owned(&output.s3_uri).unwrap_or_default(),
                kms_key_id: owned(&output.kms_key_id),
                bucket_owner: owned(&output.bucket_owner),
            },
        },
        token: token.map(str::to_owned),
        digest: digest(body),
        fails,
    })
}

fn s3(found: &mut Constraints, output: &S3Config<'_>) {
    let uri = format!("{OUTPUT}.s3Uri");
    found.required(&output.s3_uri, &uri);
    if let Some(value) = output.s3_uri.as_deref() {
        found.length(value.len(), &uri, 1, 1_024);
        found.matches(value, &uri, S3_URI, is_s3_uri(value));
    }
    if let Some(owner) = output.bucket_owner.as_deref() {
        let valid = owner.len() == 12 && owner.bytes().all(|c| c.is_ascii_digit());
        found.matches(owner, &format!("{OUTPUT}.bucketOwner"), "[0-9]{12}", valid);
    }
    if let Some(key) = output.kms_key_id.as_deref() {
        let path = format!("{OUTPUT}.kmsKeyId");
        found.length(key.len(), &path, 1, 2_048);
        let valid = key.starts_with("arn:aws") && key.contains(":kms:");
        found.matches(key, &path, "arn:aws(-[^:]+)?:kms:[a-zA-Z0-9-]*:[0-9]{12}:(key|alias)/.+", valid);
    }
}

fn is_s3_uri(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("s3://") else { return false };
    let bucket = rest.split('/').next().unwrap_or(rest);
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    (3..=63).contains(&bucket.len())
        && bucket.chars().all(|c| edge(Some(c)) || ".-".contains(c))
        && edge(bucket.chars().next())
        && edge(bucket.chars().next_back())
}

fn model_arn(model_id: &str, region: &str) -> String {
    match model_id.starts_with("arn:") {
        true => model_id.to_owned(),
        false => format!("arn:aws:bedrock:{region}::foundation-model/{model_id}"),
    }
}

/// Spelling aside: white space does not make it another request.
fn digest(body: &[u8]) -> u64 {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    seed(&[value.to_string()])
}
