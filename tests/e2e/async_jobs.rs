//! StartAsyncInvoke starts one job, whatever the caller's library retries.

use bedrock_grpc_schema::runtime::v1::*;
use bedrock_simulator::Answer;
use http::StatusCode;
use serde_json::Value;
use tonic::Code;

use crate::fixture::*;

fn start(token: Option<&str>) -> StartAsyncInvokeRequest {
    let output = AsyncInvokeS3OutputDataConfig { s3_uri: Some("s3://bucket/out".into()), ..Default::default() };
    let output = AsyncInvokeOutputDataConfig {
        member: Some(async_invoke_output_data_config::Member::S3OutputDataConfig(output)),
    };
    StartAsyncInvokeRequest {
        model_id: Some("amazon.nova-reel-v1:0".into()),
        client_request_token: token.map(str::to_owned),
        model_input_form: Some(start_async_invoke_request::ModelInputForm::ModelInputJson("{}".into())),
        output_data_config: Some(output),
        ..Default::default()
    }
}

#[tokio::test]
async fn failed_job_with_a_generated_token_is_not_retryable_and_names_the_token() {
    let (simulator, _gateway, mut client) = started().await;
    for _ in 0..3 {
        simulator.script(Answer::exception("ServiceUnavailableException", StatusCode::SERVICE_UNAVAILABLE, "later"));
    }
    let status = client.start_async_invoke(start(None)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SERVICE_UNAVAILABLE"));
    assert_eq!(trailer(&status, "grpc-retry-pushback-ms"), Some("-1"));
    assert_eq!(info(&status, "retryable"), "false");
    assert!(details(&status).retry_info().is_none());
    let token = info(&status, "client_request_token");
    assert_eq!(trailer(&status, "bedrock-grpc-client-request-token"), Some(token.as_str()));
    // Every attempt of the gateway carried this token, so the caller can repeat the call with it.
    let sent: Vec<Value> = simulator.requests().iter().map(|r| serde_json::from_slice(&r.body).unwrap()).collect();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|body| body["clientRequestToken"] == token.as_str()), "{sent:?}");
}

#[tokio::test]
async fn failed_job_with_the_callers_token_stays_retryable() {
    let (simulator, _gateway, mut client) = started().await;
    for _ in 0..3 {
        simulator.script(Answer::exception("ServiceUnavailableException", StatusCode::SERVICE_UNAVAILABLE, "later"));
    }
    let status = client.start_async_invoke(start(Some("mine"))).await.unwrap_err();
    assert_ne!(trailer(&status, "grpc-retry-pushback-ms"), Some("-1"));
    assert_eq!((info(&status, "retryable").as_str(), info(&status, "client_request_token").as_str()), ("true", ""));
}

#[tokio::test]
async fn job_that_never_reached_bedrock_has_no_token_in_its_status() {
    let (simulator, _gateway, mut client) = started().await;
    let request = StartAsyncInvokeRequest {
        model_input_form: Some(start_async_invoke_request::ModelInputForm::ModelInputJson("{".into())),
        ..start(None)
    };
    let status = client.start_async_invoke(request).await.unwrap_err();
    assert_eq!((status.code(), info(&status, "client_request_token").as_str()), (Code::InvalidArgument, ""));
    assert!(simulator.requests().is_empty());
}
