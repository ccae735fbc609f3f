//! The members of InvokeModel that travel as headers.

use http::HeaderMap;
use serde::Serialize;

use crate::converse::Constraints;
use crate::exception::Exception;
use crate::json::{Members, Text};

const LATENCY: &str = "x-amzn-bedrock-performanceconfig-latency";
const SERVICE_TIER: &str = "x-amzn-bedrock-service-tier";
const METADATA_PATTERN: &str = "[a-zA-Z0-9\\s:_@$#=/+,-.]{1,256}";

/// What the request's headers ask for; the body is the model's.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) guardrail: Option<Guardrail>,
    latency: Option<String>,
    service_tier: Option<String>,
}

/// As Converse's `guardrailConfig` has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Guardrail {
    guardrail_identifier: String,
    guardrail_version: String,
    trace: String,
}

impl Settings {
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Exception> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let trace = text("x-amzn-bedrock-trace");
        let latency = text(LATENCY);
        let service_tier = text(SERVICE_TIER);

        let mut found = Constraints::default();
        found.one_of(trace.as_deref(), "trace", &["ENABLED", "DISABLED", "ENABLED_FULL"]);
        found.one_of(latency.as_deref(), "performanceConfigLatency", &["standard", "optimized"]);
        found.one_of(service_tier.as_deref(), "serviceTier", &["priority", "default", "flex", "reserved"]);
        if let Some(metadata) = text("x-amzn-bedrock-request-metadata") {
            request_metadata(&mut found, &metadata)?;
        }
        found.result()?;

        let identifier = text("x-amzn-bedrock-guardrailidentifier").filter(|identifier| !identifier.is_empty());
        let version = text("x-amzn-bedrock-guardrailversion").filter(|version| !version.is_empty());
        let guardrail = match (identifier, version) {
            (Some(guardrail_identifier), Some(guardrail_version)) => {
                let trace = trace.unwrap_or_else(|| "DISABLED".to_owned()).to_lowercase();
                Some(Guardrail { guardrail_identifier, guardrail_version, trace })
            }
            (None, None) => None,
            _ => {
                return Err(Exception::validation(
                    "The guardrail identifier and the guardrail version must be given together.",
                ));
            }
        };
        Ok(Self { guardrail, latency, service_tier })
    }

    /// The headers that come back as they were sent.
    pub(crate) fn echoed(&self) -> impl Iterator<Item = (&'static str, String)> {
        let headers = [(LATENCY, &self.latency), (SERVICE_TIER, &self.service_tier)];
        headers.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)))
    }
}

/// A JSON object in a header.
fn request_metadata(found: &mut Constraints, json: &str) -> Result<(), Exception> {
    let metadata: Members<'_, Text<'_>> = serde_json::from_str(json)
        .map_err(|_| Exception::validation("The request metadata must be a JSON object whose values are strings."))?;
    found.length(metadata.0.len(), "requestMetadata", 1, 16);
    for (key, value) in &metadata.0 {
        let path = format!("requestMetadata.{}", &**key);
        found.length(key.len(), &path, 1, 256);
        found.length(value.len(), &path, 0, 256);
        let allowed = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || ":_@$#=/+,-.".contains(c);
        found.pattern(Some(key), &path, METADATA_PATTERN, allowed);
        found.pattern(Some(value), &path, METADATA_PATTERN, allowed);
    }
    Ok(())
}
