//! `client/service-config.json` covers each method of the schema, and the Rust client has the same values.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::time::Duration;

use bedrock_grpc_client::RetryPolicy;
use bedrock_grpc_schema::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use serde_json::Value;

const RUNTIME: &str = "bedrock.runtime.v1.BedrockRuntimeService";

fn service_config() -> Value {
    serde_json::from_str(include_str!("../../service-config.json")).unwrap()
}

/// The entry of each method, by `service/method`. An entry without `method` is the default of its service.
fn entries(config: &Value) -> BTreeMap<String, &Value> {
    let mut entries = BTreeMap::new();
    for entry in config["methodConfig"].as_array().unwrap() {
        for name in entry["name"].as_array().unwrap() {
            let key = format!("{}/{}", name["service"].as_str().unwrap(), name["method"].as_str().unwrap_or_default());
            assert!(entries.insert(key.clone(), entry).is_none(), "{key} has two entries");
        }
    }
    entries
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs_f64(value.as_str().unwrap().strip_suffix('s').unwrap().parse().unwrap())
}

#[test]
fn each_method_of_the_schema_has_an_entry_and_no_entry_is_stale() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let config = service_config();
    let mut entries = entries(&config);
    for file in set.file.iter().filter(|file| file.package().starts_with("bedrock.")) {
        for service in &file.service {
            let service_name = format!("{}.{}", file.package(), service.name());
            let has_default = entries.remove(&format!("{service_name}/")).is_some();
            for method in &service.method {
                let key = format!("{service_name}/{}", method.name());
                assert!(entries.remove(&key).is_some() || has_default, "{key} has no entry");
            }
        }
    }
    assert!(entries.is_empty(), "no such method: {:?}", entries.keys());
}

#[test]
fn start_async_invoke_is_not_retried_and_the_bidirectional_stream_has_no_limit() {
    let config = service_config();
    let entries = entries(&config);
    let start = entries[&format!("{RUNTIME}/StartAsyncInvoke")];
    assert_eq!((seconds(&start["timeout"]), start.get("retryPolicy")), (Duration::from_secs(60), None));
    let bidirectional = entries[&format!("{RUNTIME}/InvokeModelWithBidirectionalStream")];
    assert_eq!((bidirectional.get("timeout"), bidirectional.get("retryPolicy")), (None, None));
}

#[test]
fn retry_policies_equal_the_default_of_the_rust_client() {
    let config = service_config();
    let default = RetryPolicy::default();
    for (method, entry) in entries(&config) {
        let Some(policy) = entry.get("retryPolicy") else { continue };
        assert_eq!(policy["maxAttempts"], default.max_attempts, "{method}");
        assert_eq!(seconds(&policy["initialBackoff"]), default.initial_backoff, "{method}");
        assert_eq!(seconds(&policy["maxBackoff"]), default.max_backoff, "{method}");
        assert_eq!(policy["backoffMultiplier"].as_f64(), Some(default.backoff_multiplier), "{method}");
        assert_eq!(policy["retryableStatusCodes"], serde_json::json!(["UNAVAILABLE", "RESOURCE_EXHAUSTED"]));
    }
}
