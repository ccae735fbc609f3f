//! What a caller may use, for every operation of every service.

use bedrock_grpc_schema::operation::{OPERATIONS, Operation};
use bedrock_grpc_schema::runtime::v1::*;
use bedrock_simulator::{Answer, Simulator};
use http::StatusCode;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tonic::{Code, Status};

use crate::fixture::authority::*;
use crate::fixture::dynamic::Dynamic;
use crate::fixture::operations::smallest_request;
use crate::fixture::*;
use crate::support::aws_model::AwsModel;

const CONFIGURATION: &str = "
server:
  listen: ['127.0.0.1:0']
  control_plane: true
  tls: { certificate: server.pem, key: server.key, client_ca: ca.pem, client_certificates: optional }
aws: { regions: [us-east-1, eu-west-1] }
models:
  chat:
    targets: [{ model: demo.model, region: eu-west-1 }]
    max_tokens: { default: 100, limit: 200 }
  claude: { targets: [{ model: us.anthropic.claude-sonnet-4-20250514-v1:0 }] }
callers:
  everything: { identity: ['spiffe://t/everything'] }
  nothing: { identity: ['spiffe://t/nothing'], operations: [NoSuchOperation] }
  names: { identity: ['spiffe://t/names'], models: [chat, claude] }
  titan: { identity: ['spiffe://t/titan'], models: ['amazon.titan-*'] }
  guarded: { identity: ['spiffe://t/guarded'], guardrail: { id: gr1, version: '2' } }
  small: { identity: ['spiffe://t/small'], max_request: 1KiB }
  east: { identity: ['spiffe://t/east'], regions: [us-east-1] }
authentication: { request_metadata: team }
";

struct Started {
    simulator: Simulator,
    gateway: Gateway,
    authority: Authority,
    _folder: TempDir,
}

async fn started_with(change: impl FnOnce(String) -> String) -> Started {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.write_server_files(folder.path());
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, change(CONFIGURATION.to_owned())).unwrap();
    let builder = Gateway::builder(&simulator).without("BEDROCK_GRPC_LISTEN");
    let builder = builder.env("AWS_ENDPOINT_URL_BEDROCK", simulator.endpoint());
    let gateway = builder.arg("--config").arg(file.to_str().unwrap()).start().await;
    Started { simulator, gateway, authority, _folder: folder }
}

impl Started {
    async fn channel(&self, caller: &str) -> tonic::transport::Channel {
        let identity = self.authority.issue(&[&format!("spiffe://t/{caller}")]);
        self.authority.connect(&self.gateway.address, Some(&identity)).await.unwrap()
    }

    async fn client(&self, caller: &str) -> Client {
        Client::new(self.channel(caller).await)
    }
}

fn smallest(row: &Operation) -> Map<String, Value> {
    smallest_request(&AwsModel::load(row.service.name), row, None)
}

fn is_about_a_model(request: &Map<String, Value>) -> bool {
    request.contains_key("modelId") || request.contains_key("modelIdentifier")
}

fn assert_rejected(status: &Status, row: &Operation, code: Code, expected: &str) {
    assert_eq!((status.code(), reason(status).as_str()), (code, expected), "{}: {status:?}", row.name);
}

#[tokio::test]
async fn every_operation_rejects_a_call_without_a_credential() {
    let started = started_with(|text| text).await;
    let channel = started.authority.connect(&started.gateway.address, None).await.unwrap();
    let client = Dynamic::new(channel);
    for row in OPERATIONS {
        let status = client.call_operation(row, &Value::Object(smallest(row))).await.1.unwrap();
        assert_rejected(&status, row, Code::Unauthenticated, "CALLER_UNKNOWN");
    }
    assert!(started.simulator.requests().is_empty());
}

#[tokio::test]
async fn every_operation_is_rejected_for_a_caller_that_may_not_use_it() {
    let started = started_with(|text| text).await;
    let client = Dynamic::new(started.channel("nothing").await);
    for row in OPERATIONS {
        let status = client.call_operation(row, &Value::Object(smallest(row))).await.1.unwrap();
        assert_rejected(&status, row, Code::PermissionDenied, "OPERATION_NOT_ALLOWED");
        assert_eq!(info(&status, "allowed"), "NoSuchOperation");
    }
    assert!(started.simulator.requests().is_empty());
}

#[tokio::test]
async fn every_operation_with_a_model_checks_the_model() {
    let started = started_with(|text| text).await;
    let client = Dynamic::new(started.channel("titan").await);
    let mut checked = 0;
    for row in OPERATIONS {
        let request = smallest(row);
        if !is_about_a_model(&request) {
            continue;
        }
        let status = client.call_operation(row, &Value::Object(request)).await.1.unwrap();
        assert_rejected(&status, row, Code::PermissionDenied, "MODEL_NOT_ALLOWED");
        assert_eq!(info(&status, "allowed"), "amazon.titan-*");
        checked += 1;
    }
    assert!(checked >= 8, "only {checked} operations are about a model");
    assert!(started.simulator.requests().is_empty());
}

#[tokio::test]
async fn every_operation_with_a_model_sends_the_target_of_the_name() {
    let started = started_with(|text| text).await;
    let client = Dynamic::new(started.channel("names").await);
    for row in OPERATIONS {
        let mut request = smallest(row);
        let Some(field) = ["modelId", "modelIdentifier"].into_iter().find(|field| request.contains_key(*field)) else {
            continue;
        };
        request.insert(field.to_owned(), json!("chat"));
        started.simulator.clear_requests();
        started.simulator.script(Answer::exception("AccessDeniedException", StatusCode::FORBIDDEN, "no"));
        let status = client.call_operation(row, &Value::Object(request)).await.1.unwrap();
        let sent = started.simulator.requests();
        let Some(sent) = sent.last() else { panic!("{}: nothing was sent: {status:?}", row.name) };
        let text = format!("{} {}", sent.path, String::from_utf8_lossy(&sent.body));
        assert!(text.contains("demo.model") && !text.contains("chat"), "{}: {text}", row.name);
        let authorization = sent.headers["authorization"].to_str().unwrap();
        assert!(authorization.contains("/eu-west-1/"), "{}: {authorization}", row.name);
    }
}

#[tokio::test]
async fn every_operation_reaches_bedrock_for_a_caller_without_limits() {
    let started = started_with(|text| text).await;
    let client = Dynamic::new(started.channel("everything").await);
    for row in OPERATIONS {
        started.simulator.clear_requests();
        started.simulator.script(Answer::exception("AccessDeniedException", StatusCode::FORBIDDEN, "no"));
        let status = client.call_operation(row, &Value::Object(smallest(row))).await.1.unwrap();
        assert_eq!(reason(&status), "ACCESS_DENIED", "{}", row.name);
    }
}

#[tokio::test]
async fn region_is_checked_for_the_caller_and_for_the_gateway() {
    let started = started_with(|text| text).await;
    let arn = |region: &str| format!("arn:aws:bedrock:{region}:123456789012:inference-profile/x");
    for (caller, model, allowed) in [
        ("everything", arn("ap-south-1"), "us-east-1, eu-west-1"),
        ("east", arn("eu-west-1"), "us-east-1"),
        ("east", "chat".to_owned(), "us-east-1"),
    ] {
        let status = started.client(caller).await.converse(converse(&model, "Hi")).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::PermissionDenied, "REGION_NOT_ALLOWED"),
            "{model}"
        );
        assert_eq!(info(&status, "allowed"), allowed);
    }
    started.client("east").await.converse(converse("demo.model", "Hi")).await.unwrap();
    started.client("everything").await.converse(converse("chat", "Hi")).await.unwrap();
}

#[tokio::test]
async fn without_passthrough_only_names_can_be_used() {
    let started = started_with(|text| format!("{text}passthrough: false\n")).await;
    let mut client = started.client("everything").await;
    client.converse(converse("chat", "Hi")).await.unwrap();
    let status = client.converse(converse("demo.model", "Hi")).await.unwrap_err();
    assert_eq!(reason(&status), "MODEL_NOT_ALLOWED");
    assert_eq!(info(&status, "allowed"), "chat, claude");
}

#[tokio::test]
async fn max_tokens_has_a_default_and_a_limit() {
    let started = started_with(|text| text).await;
    let mut client = started.client("names").await;
    let with = |max_tokens: Option<i32>| ConverseRequest {
        inference_config: Some(InferenceConfiguration { max_tokens, temperature: Some(0.5), ..Default::default() }),
        ..converse("chat", "Hi")
    };
    for (request, expected) in [(converse("chat", "Hi"), 100), (with(None), 100), (with(Some(200)), 200)] {
        client.converse(request).await.unwrap();
        let sent: Value = serde_json::from_slice(&started.simulator.requests().last().unwrap().body).unwrap();
        assert_eq!(sent["inferenceConfig"]["maxTokens"], expected);
    }
    let status = client.converse(with(Some(201))).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "VALIDATION"));
    assert_eq!(details(&status).bad_request().unwrap().field_violations[0].field, "inferenceConfig.maxTokens");
    // The limit cannot be passed by a member that the schema does not know.
    let hidden = ConverseRequest {
        unrecognized: Some(unrecognized("{\"inferenceConfig\":{\"maxTokens\":9999}}")),
        ..converse("chat", "Hi")
    };
    assert_eq!(reason(&client.converse(hidden).await.unwrap_err()), "VALIDATION");
}

#[tokio::test]
async fn required_guardrail_is_added_and_no_other_is_accepted() {
    let started = started_with(|text| text).await;
    let mut client = started.client("guarded").await;
    client.converse(converse("demo.model", "Hi")).await.unwrap();
    let sent: Value = serde_json::from_slice(&started.simulator.requests().last().unwrap().body).unwrap();
    assert_eq!(sent["guardrailConfig"], json!({"guardrailIdentifier": "gr1", "guardrailVersion": "2"}));
    let invoke =
        InvokeModelRequest { model_id: Some("demo.model".into()), body: Some("{}".into()), ..Default::default() };
    let _ = client.invoke_model(invoke.clone()).await;
    let headers = started.simulator.requests().last().unwrap().headers.clone();
    assert_eq!(headers["x-amzn-bedrock-guardrailidentifier"], "gr1");
    assert_eq!(headers["x-amzn-bedrock-guardrailversion"], "2");
    started.simulator.clear_requests();
    let config = |id: &str, version: &str| GuardrailConfiguration {
        guardrail_identifier: Some(id.into()),
        guardrail_version: Some(version.into()),
        ..Default::default()
    };
    for (id, version) in [("gr2", "2"), ("gr1", "1")] {
        let request = ConverseRequest { guardrail_config: Some(config(id, version)), ..converse("demo.model", "Hi") };
        let status = client.converse(request).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "GUARDRAIL_NOT_ALLOWED"));
    }
    let other = InvokeModelRequest { guardrail_identifier: Some("gr2".into()), ..invoke };
    assert_eq!(reason(&client.invoke_model(other).await.unwrap_err()), "GUARDRAIL_NOT_ALLOWED");
    let dynamic = Dynamic::new(started.channel("guarded").await);
    for rpc in ["StartAsyncInvoke", "InvokeModelWithBidirectionalStream"] {
        let row = OPERATIONS.iter().find(|row| row.name == rpc).unwrap();
        let status = dynamic.call_operation(row, &Value::Object(smallest(row))).await.1.unwrap();
        assert_rejected(&status, row, Code::PermissionDenied, "GUARDRAIL_NOT_ALLOWED");
    }
    assert!(started.simulator.requests().is_empty());
}

#[tokio::test]
async fn request_above_the_limit_of_its_caller_is_rejected() {
    let started = started_with(|text| text).await;
    let mut client = started.client("small").await;
    client.converse(converse("demo.model", "Hi")).await.unwrap();
    let status = client.converse(converse("demo.model", &"x".repeat(2000))).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "MESSAGE_TOO_LARGE"));
}

#[tokio::test]
async fn caller_s_name_is_in_the_request_metadata_and_cannot_be_forged() {
    let started = started_with(|text| text).await;
    let mut client = started.client("everything").await;
    let forged = ConverseRequest {
        request_metadata: [("team".to_owned(), "names".to_owned()), ("a".to_owned(), "b".to_owned())].into(),
        ..converse("demo.model", "Hi")
    };
    client.converse(forged).await.unwrap();
    let sent: Value = serde_json::from_slice(&started.simulator.requests().last().unwrap().body).unwrap();
    assert_eq!(sent["requestMetadata"], json!({"team": "everything", "a": "b"}));
    let invoke = InvokeModelRequest {
        model_id: Some("demo.model".into()),
        body: Some("{}".into()),
        request_metadata: Some("{\"team\":\"names\",\"a\":\"b\"}".into()),
        ..Default::default()
    };
    let _ = client.invoke_model(invoke).await;
    let headers = started.simulator.requests().last().unwrap().headers.clone();
    let metadata: Value = serde_json::from_slice(headers["x-amzn-bedrock-request-metadata"].as_bytes()).unwrap();
    assert_eq!(metadata, json!({"team": "everything", "a": "b"}));
}

#[tokio::test]
async fn callers_see_the_models_that_they_may_use() {
    let started = started_with(|text| text).await;
    let mut catalogs = Vec::new();
    for caller in ["everything", "names", "titan"] {
        let responses =
            Dynamic::new(started.channel(caller).await).call("ListFoundationModels", &json!({})).await.unwrap();
        let models = responses[0]["modelSummaries"].as_array().cloned().unwrap_or_default();
        let ids: Vec<_> = models.iter().map(|model| model["modelId"].as_str().unwrap().to_owned()).collect();
        catalogs.push((ids, models));
    }
    let [(everything, models), (names, _), (titan, _)] = &catalogs[..] else { panic!() };
    assert_eq!(names, &["chat", "claude"]);
    assert!(!titan.is_empty() && titan.iter().all(|id| id.starts_with("amazon.titan-")), "{titan:?}");
    assert!(everything.len() > titan.len() + 2 && everything.contains(&"chat".to_owned()), "{everything:?}");
    // A name has the properties of its model.
    let claude = models.iter().find(|model| model["modelId"] == "claude").unwrap();
    assert_eq!(claude["providerName"], "Anthropic", "{claude}");
    for (caller, has_some) in [("everything", true), ("names", false)] {
        let dynamic = Dynamic::new(started.channel(caller).await);
        let responses = dynamic.call("ListInferenceProfiles", &json!({})).await.unwrap();
        let profiles = responses[0]["inferenceProfileSummaries"].as_array().cloned().unwrap_or_default();
        assert_eq!(!profiles.is_empty(), has_some, "{caller}: {profiles:?}");
    }
}

const DEFAULTS: &str = "
models:
  chat:
    targets: [{ model: demo.model }]
    inference: { temperature: 0.5, top_p: 1, stop_sequences: [END] }
    system: [Be brief.]
    prompt_cache: { tools: true, system: true }
";

/// Calls the name `chat` and returns the body that Bedrock received.
async fn sent_with_defaults(change: impl FnOnce(&mut ConverseRequest)) -> Value {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, DEFAULTS).unwrap();
    let gateway = Gateway::builder(&simulator).arg("--config").arg(file.to_str().unwrap()).start().await;
    let mut request = converse("chat", "Hi");
    change(&mut request);
    simulator.script(short_response());
    gateway.client().await.converse(request).await.unwrap();
    serde_json::from_slice(&simulator.requests().last().unwrap().body).unwrap()
}

fn tool_config(with_cache_point: bool) -> ToolConfiguration {
    let specification = ToolSpecification {
        name: Some("get_weather".to_owned()),
        input_schema: Some(ToolInputSchema {
            member: Some(tool_input_schema::Member::JsonText("{\"type\":\"object\"}".to_owned())),
        }),
        ..Default::default()
    };
    let point = CachePointBlock { r#type: Some("default".to_owned()), ..Default::default() };
    let mut tools = vec![Tool { member: Some(tool::Member::ToolSpec(specification)) }];
    tools.extend(with_cache_point.then_some(Tool { member: Some(tool::Member::CachePoint(point)) }));
    ToolConfiguration { tools, ..Default::default() }
}

#[tokio::test]
async fn name_of_a_model_adds_what_the_caller_has_not_set() {
    let sent = sent_with_defaults(|request| request.tool_config = Some(tool_config(false))).await;
    let point = json!({"cachePoint": {"type": "default"}});
    assert_eq!(sent["inferenceConfig"], json!({"temperature": 0.5, "topP": 1.0, "stopSequences": ["END"]}));
    assert_eq!(sent["system"], json!([{"text": "Be brief."}, point]));
    assert_eq!(sent["toolConfig"]["tools"].as_array().unwrap().last(), Some(&point));
    // Without tools there is nothing to cache there.
    assert_eq!(sent_with_defaults(|_| ()).await["toolConfig"], Value::Null);
}

#[tokio::test]
async fn name_of_a_model_changes_nothing_that_the_caller_has_set() {
    let sent = sent_with_defaults(|request| {
        request.inference_config = Some(InferenceConfiguration {
            top_p: Some(0.25),
            stop_sequences: vec!["X".to_owned()],
            ..Default::default()
        });
        request.system =
            vec![SystemContentBlock { member: Some(system_content_block::Member::Text("Mine".to_owned())) }];
        request.tool_config = Some(tool_config(true));
    })
    .await;
    assert_eq!(sent["inferenceConfig"], json!({"topP": 0.25, "stopSequences": ["X"]}));
    assert_eq!(sent["system"], json!([{"text": "Mine"}]));
    assert_eq!(sent["toolConfig"]["tools"].as_array().unwrap().len(), 2);
}
