//! CountTokens, guardrails and async invocation.

use bedrock_grpc_schema::runtime::v1::*;
use serde_json::json;
use tonic::Code;

use crate::fixture::dynamic::Dynamic;
use crate::fixture::*;

const ARN: &str = "arn:aws:bedrock:eu-west-1:123456789012:async-invoke/abcdefghijkl";

#[tokio::test]
async fn count_tokens_counts_what_converse_reports() {
    let (_simulator, gateway, mut client) = started().await;
    let converse = json!({"messages": [{"role": "user", "content": [{"text": "How many tokens is this?"}]}]});
    let responses = Dynamic::new(gateway.channel().await)
        .call("CountTokens", &json!({"modelId": "demo.model", "input": {"converse": converse}}))
        .await
        .unwrap();
    let usage = client
        .converse(crate::fixture::converse("demo.model", "How many tokens is this?"))
        .await
        .unwrap()
        .into_inner()
        .usage;
    assert_eq!(responses[0]["inputTokens"], usage.unwrap().input_tokens.unwrap());
}

#[tokio::test]
async fn a_guardrail_intervenes() {
    let (simulator, gateway, _) = started().await;
    let client = Dynamic::new(gateway.channel().await);
    let apply = |text: &str| json!({"guardrailIdentifier": "gr1", "guardrailVersion": "1", "source": "INPUT", "content": [{"text": {"text": text}}]});
    let responses = client.call("ApplyGuardrail", &apply("this is forbidden")).await.unwrap();
    assert_eq!(responses[0]["action"], "GUARDRAIL_INTERVENED");
    assert_eq!(client.call("ApplyGuardrail", &apply("hello")).await.unwrap()[0]["action"], "NONE");
    assert_eq!(simulator.requests()[0].path, "/guardrail/gr1/version/1/apply");
    let missing = client.call("ApplyGuardrail", &json!({"guardrailIdentifier": "gr1"})).await.unwrap_err();
    assert_eq!(details(&missing).bad_request().unwrap().field_violations[0].field, "guardrailVersion");
}

#[tokio::test]
async fn a_job_is_started_queried_and_listed() {
    let (simulator, gateway, _) = started().await;
    let client = Dynamic::new(gateway.channel().await);
    let start = json!({
        "modelId": "amazon.nova-reel-v1:0",
        "modelInput": {"taskType": "TEXT_VIDEO", "textToVideoParams": {"text": "a cat"}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://bucket/videos"}},
    });
    let started = client.call("StartAsyncInvoke", &start).await.unwrap();
    let arn = &started[0]["invocationArn"];
    let statuses = [
        client.call("GetAsyncInvoke", &json!({"invocationArn": arn})).await.unwrap()[0]["status"].clone(),
        client.call("GetAsyncInvoke", &json!({"invocationArn": arn})).await.unwrap()[0]["status"].clone(),
    ];
    assert_eq!(statuses, ["InProgress", "Completed"]);
    let query = json!({"statusEquals": "Completed", "maxResults": 5, "submitTimeAfter": "2020-01-02T03:04:05.006Z", "sortOrder": "Ascending"});
    let listed = client.call("ListAsyncInvokes", &query).await.unwrap();
    assert_eq!(&listed[0]["asyncInvokeSummaries"][0]["invocationArn"], arn);
    let path = simulator.requests().last().unwrap().path.clone();
    for part in [
        "statusEquals=Completed",
        "maxResults=5",
        "submitTimeAfter=2020-01-02T03%3A04%3A05.006Z",
        "sortOrder=Ascending",
    ] {
        assert!(path.contains(part), "{path}");
    }
    assert!(simulator.requests().last().unwrap().body.is_empty());
}

#[tokio::test]
async fn a_job_without_a_client_token_gets_one_that_all_attempts_share() {
    let (simulator, gateway, _) = started().await;
    let client = Dynamic::new(gateway.channel().await);
    let start = json!({
        "modelId": "fault.flaky.2.service-unavailable",
        "modelInput": {},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://bucket/videos"}},
    });
    client.call("StartAsyncInvoke", &start).await.unwrap();
    let bodies: Vec<_> = simulator.requests().into_iter().map(|r| r.body).collect();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    let sent: serde_json::Value = serde_json::from_slice(&bodies[0]).unwrap();
    assert!(sent["clientRequestToken"].as_str().unwrap().len() >= 32);
}

#[tokio::test]
async fn a_get_by_arn_goes_to_the_arns_region_without_a_body() {
    let (simulator, gateway, mut client) = started().await;
    simulator.script(short_response());
    let response =
        client.get_async_invoke(GetAsyncInvokeRequest { invocation_arn: Some(ARN.to_owned()) }).await.unwrap();
    assert_eq!(response.metadata().get("bedrock-grpc-region").unwrap(), "eu-west-1");
    let sent = &simulator.requests()[0];
    assert_eq!((sent.method.as_str(), sent.body.len()), ("GET", 0));
    assert!(sent.path.starts_with("/async-invoke/arn%3Aaws%3Abedrock"), "{}", sent.path);
    let line = gateway.call_line(|_| true).await;
    assert_eq!((line["rpc"].as_str(), line.get("model")), (Some("GetAsyncInvoke"), None));
}

#[tokio::test]
async fn a_missing_path_member_is_rejected() {
    let (simulator, gateway, _) = started().await;
    let client = Dynamic::new(gateway.channel().await);
    for (rpc, field) in [
        ("InvokeModel", "modelId"),
        ("InvokeModelWithResponseStream", "modelId"),
        ("CountTokens", "modelId"),
        ("StartAsyncInvoke", "modelId"),
        ("GetAsyncInvoke", "invocationArn"),
        ("ApplyGuardrail", "guardrailIdentifier"),
    ] {
        let status = client.call(rpc, &json!({})).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{rpc}");
        assert_eq!(details(&status).bad_request().unwrap().field_violations[0].field, field, "{rpc}");
    }
    let mut list = gateway.client().await;
    let odd = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
    let status = list
        .list_async_invokes(ListAsyncInvokesRequest { submit_time_after: Some(odd), ..Default::default() })
        .await
        .unwrap_err();
    assert_eq!(details(&status).bad_request().unwrap().field_violations[0].field, "submitTimeAfter");
    assert!(simulator.requests().is_empty());
}
