//! The metrics as Prometheus scrapes them, compared with `docs/metrics.md`.

use std::collections::{BTreeMap, BTreeSet};

use bedrock_grpc_schema::runtime::v1::converse_request::AdditionalModelRequestFieldsForm;
use bedrock_grpc_schema::runtime::v1::{
    ConverseTokensRequest, CountTokensInput, CountTokensRequest, InvokeModelRequest, count_tokens_input,
};
use tokio::net::TcpStream;
use tonic::Code;

use crate::fixture::*;

/// Metrics that the tests' gateway does not have: its credentials do not expire, the schema knows all members, and no name has
/// targets.
const ABSENT: &[&str] =
    &["bedrock_grpc.identity.credentials_expiry", "bedrock_grpc.unknown_members", "bedrock_grpc.target.ejected"];

/// A metric of the documentation: its name in Prometheus, and its labels.
type Documented = BTreeMap<String, BTreeSet<String>>;

/// A scraped metric: its type, and the labels of all its series.
type Scraped = BTreeMap<String, (String, BTreeSet<String>)>;

/// The metrics of the documentation whose names `fit`.
fn documented(fits: impl Fn(&str) -> bool) -> Documented {
    let text = include_str!("../../docs/metrics.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|row| {
        let cells: Vec<_> =
            row.trim_matches('|').split('|').map(|cell| cell.replace('`', "").trim().to_owned()).collect();
        let [name, kind, unit, labels, _, _] = cells.as_slice() else { return None };
        let unit = match unit.as_str() {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "By" => "_bytes",
            _ => "",
        };
        let total = if kind == "counter" { "_total" } else { "" };
        let labels = labels.split(", ").filter(|label| !label.is_empty()).map(|label| label.replace('.', "_"));
        fits(name).then(|| (format!("{}{unit}{total}", name.replace('.', "_")), labels.collect()))
    })
    .collect()
}

/// Reads Prometheus' text format.
fn parse(text: &str) -> Scraped {
    let mut metrics = Scraped::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.starts_with("# HELP")) {
        if let Some(metadata) = line.strip_prefix("# TYPE ") {
            let (name, kind) = metadata.split_once(' ').unwrap();
            assert!(!metrics.contains_key(name), "{name} appears twice");
            metrics.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
            current = name.to_owned();
            continue;
        }
        assert!(line.starts_with(&current), "{line} does not follow its type");
        let labels = line.split_once('{').map(|(_, rest)| rest.rsplit_once('}').unwrap().0).unwrap_or_default();
        let names = labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name.to_owned());
        metrics.get_mut(&current).unwrap().1.extend(names.filter(|name| name != "le"));
    }
    metrics
}

/// The value of the first sample that starts with `name` and has all `labels`.
fn value(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let mut lines = text.lines().filter(|line| line.starts_with(name));
    let line = lines.find(|line| labels.iter().all(|label| line.contains(label)))?;
    line.rsplit(' ').next().unwrap().parse().ok()
}

async fn metrics(gateway: &Gateway) -> String {
    let page = get(&admin_address(gateway).await, "/metrics").await;
    assert_eq!(page.status, 200, "{page:?}");
    page.body
}

/// Makes calls of all kinds, with success and without.
async fn make_calls(gateway: &Gateway) {
    let mut client = gateway.client().await;
    client.converse(converse("demo.model", "Hi")).await.unwrap();
    for model in ["demo.model", "fault.flaky.1.service-unavailable", "fault.no-metadata"] {
        let mut stream = client.converse_stream(converse_stream(model, "Hi")).await.unwrap().into_inner();
        while stream.message().await.unwrap().is_some() {}
    }
    let request = InvokeModelRequest {
        model_id: Some("amazon.titan-embed-text-v2:0".to_owned()),
        body: Some(r#"{"inputText": "Hi", "dimensions": 256}"#.into()),
        ..Default::default()
    };
    client.invoke_model(request).await.unwrap();
    let converse_input = ConverseTokensRequest { messages: converse("", "Hi").messages, ..Default::default() };
    let input = CountTokensInput { member: Some(count_tokens_input::Member::Converse(converse_input)) };
    let request =
        CountTokensRequest { model_id: Some("demo.model".to_owned()), input: Some(input), ..Default::default() };
    client.count_tokens(request).await.unwrap();
    let status = client.converse(converse("", "Hi")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let mut request = converse("demo.model", "Hi");
    request.additional_model_request_fields_form =
        Some(AdditionalModelRequestFieldsForm::AdditionalModelRequestFieldsJson("{".to_owned()));
    let status = client.converse(request).await.unwrap_err();
    assert_eq!(info(&status, "attempts"), "0", "{status:?}");
    client.converse(converse("fault.validation", "Hi")).await.unwrap_err();
}

fn assert_documented(text: &str, documented: &Documented) {
    let scraped = parse(text);
    for (name, labels) in documented {
        let (_, found) = scraped.get(name).unwrap_or_else(|| panic!("{name} is not exported"));
        assert!(found.is_subset(labels), "{name} has {found:?}");
        // Not every operation has failed.
        let missing: Vec<_> = labels.difference(found).filter(|label| *label != "error_type").collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
    }
    let unknown: Vec<_> =
        scraped.keys().filter(|name| !documented.contains_key(*name) && *name != "target_info").collect();
    assert!(unknown.is_empty(), "{unknown:?} are not documented");
}

#[tokio::test]
async fn scraped_metrics_and_their_labels_are_those_of_the_documentation() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).arg("--admin-listen").arg("127.0.0.1:0").start().await;
    make_calls(&gateway).await;
    gateway.call_line(|line| line["reason"] == "VALIDATION").await;
    let text = metrics(&gateway).await;
    let old = ["rpc.server.duration", "gen_ai.client.token.usage", "gen_ai.client.operation.time"];
    let is_old = |name: &str| old.iter().any(|old| name.starts_with(old));
    assert_documented(&text, &documented(|name| !is_old(name) && !ABSENT.contains(&name)));

    let chat = r#"gen_ai_request_model="demo.model""#;
    let ok = r#"rpc_response_status_code="OK""#;
    let unary = r#"rpc_method="bedrock.runtime.v1.BedrockRuntimeService/Converse""#;
    assert_eq!(
        value(&text, "bedrock_grpc_calls_total", &[chat, ok, unary, r#"caller="anonymous""#]),
        Some(1.0),
        "{text}"
    );
    assert_eq!(value(&text, "rpc_server_call_duration_seconds_count", &[ok, unary]), Some(1.0));
    assert_eq!(
        value(&text, "bedrock_grpc_retries_total", &[r#"error_type="SERVICE_UNAVAILABLE""#]),
        Some(1.0),
        "{text}"
    );
    // A model that Bedrock has never served has no series of its own.
    let invalid = r#"error_type="VALIDATION""#;
    assert_eq!(
        value(&text, "bedrock_grpc_calls_total", &[invalid, r#"gen_ai_request_model="other""#]),
        Some(1.0),
        "{text}"
    );
    assert!(!text.contains("fault.validation"), "{text}");
    let input = value(&text, "gen_ai_client_inference_usage_input_tokens_total", &[chat]).unwrap();
    assert!(
        input > 0.0 && value(&text, "gen_ai_client_inference_time_to_first_chunk_seconds_count", &[chat]) == Some(1.0)
    );
}

#[tokio::test]
async fn older_names_replace_the_new_ones_if_the_operator_wants_them() {
    let simulator = simulator().await;
    let builder = Gateway::builder(&simulator).arg("--admin-listen").arg("127.0.0.1:0");
    let gateway = builder.env("OTEL_SEMCONV_STABILITY_OPT_IN", "rpc/dup,gen_ai/old").start().await;
    make_calls(&gateway).await;
    gateway.call_line(|line| line["reason"] == "VALIDATION").await;
    let text = metrics(&gateway).await;
    let is_new =
        |name: &str| name.starts_with("gen_ai.client.inference") || name.starts_with("gen_ai.client.embeddings");
    assert_documented(&text, &documented(|name| !is_new(name) && !ABSENT.contains(&name)));
    let stream = [r#"rpc_method="ConverseStream""#, r#"rpc_grpc_status_code="0""#];
    assert_eq!(value(&text, "rpc_server_duration_milliseconds_count", &stream), Some(3.0), "{text}");
}

#[tokio::test]
async fn open_metrics_has_the_trace_of_a_sampled_call_as_an_exemplar() {
    let simulator = simulator().await;
    let collector = Collector::start().await;
    let builder = Gateway::builder(&simulator).arg("--admin-listen").arg("127.0.0.1:0");
    let gateway = builder.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &collector.endpoint).start().await;
    gateway.client().await.converse(converse("demo.model", "Hi")).await.unwrap();
    let line = gateway.call_line(|_| true).await;
    let address = admin_address(&gateway).await;
    let accept = [("accept", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3")];
    let page = send(TcpStream::connect(&address).await.unwrap(), "GET /metrics", &accept, "").await;
    assert!(page.head.contains("application/openmetrics-text; version=1.0.0; charset=utf-8"), "{}", page.head);
    assert!(page.body.ends_with("# EOF\n"), "{}", page.body);
    let exemplar = format!("# {{trace_id={}}}", line["trace_id"]);
    let with_exemplar = |name: &str| page.body.lines().any(|line| line.starts_with(name) && line.contains(&exemplar));
    assert!(with_exemplar("rpc_server_call_duration_seconds_bucket"), "{}", page.body);
    assert!(with_exemplar("gen_ai_client_inference_duration_seconds_bucket"), "{}", page.body);
    assert!(!metrics(&gateway).await.contains("trace_id"));
}
