//! Default deadline and retries of each method: the values of `client/service-config.json`, which the clients of all
//! languages use. A test compares the two.

use std::time::Duration;

/// Defaults of one method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MethodPolicy {
    /// Maximum time for a call without its own timeout.
    pub(crate) timeout: Option<Duration>,
    /// Whether the client retries.
    pub(crate) retries: bool,
}

/// A method that runs a model. Most responses are complete after seconds; long ones with reasoning take minutes.
pub(crate) const GENERATION: MethodPolicy = MethodPolicy { timeout: Some(Duration::from_secs(600)), retries: true };

/// A method that does not run a model and returns within seconds.
pub(crate) const UNARY: MethodPolicy = MethodPolicy { timeout: Some(Duration::from_secs(60)), retries: true };

/// StartAsyncInvoke: a retry without a `client_request_token` could start, and cost, a second job.
pub(crate) const START_JOB: MethodPolicy = MethodPolicy { timeout: Some(Duration::from_secs(60)), retries: false };

/// The bidirectional stream: it lasts as long as the conversation, and its input cannot be sent again.
pub(crate) const BIDIRECTIONAL: MethodPolicy = MethodPolicy { timeout: None, retries: false };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::RetryThrottle;

    fn entry_with<'a>(config: &'a serde_json::Value, method: &str) -> &'a serde_json::Value {
        let entries = config["methodConfig"].as_array().unwrap();
        let has_method =
            |entry: &serde_json::Value| entry["name"].as_array().unwrap().iter().any(|name| name["method"] == method);
        entries.iter().find(|entry| has_method(entry)).unwrap()
    }

    #[test]
    fn policies_equal_the_service_config_of_all_languages() {
        let config: serde_json::Value = serde_json::from_str(include_str!("../../service-config.json")).unwrap();
        for (method, policy) in [
            ("Converse", GENERATION),
            ("ConverseStream", GENERATION),
            ("InvokeModel", GENERATION),
            ("InvokeModelWithResponseStream", GENERATION),
            ("CountTokens", UNARY),
            ("ApplyGuardrail", UNARY),
            ("InvokeGuardrailChecks", UNARY),
            ("GetAsyncInvoke", UNARY),
            ("ListAsyncInvokes", UNARY),
            ("StartAsyncInvoke", START_JOB),
            ("InvokeModelWithBidirectionalStream", BIDIRECTIONAL),
        ] {
            let entry = entry_with(&config, method);
            let timeout = policy.timeout.map(|timeout| format!("{}s", timeout.as_secs()));
            assert_eq!(entry.get("timeout").and_then(|value| value.as_str()), timeout.as_deref(), "{method}");
            assert_eq!(entry.get("retryPolicy").is_some(), policy.retries, "{method}");
        }
        assert_eq!(config["retryThrottling"]["maxTokens"].as_f64(), Some(RetryThrottle::MAX_TOKENS));
        assert_eq!(config["retryThrottling"]["tokenRatio"].as_f64(), Some(RetryThrottle::TOKEN_RATIO));
    }
}
