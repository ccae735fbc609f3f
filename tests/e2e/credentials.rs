//! The gateway's AWS credentials, and the health status that depends on them.

use bedrock_simulator::Answer;
use http::StatusCode;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::fixture::*;

const SERVICE: &str = "bedrock.runtime.v1.BedrockRuntimeService";

async fn health(gateway: &Gateway, service: &str) -> ServingStatus {
    let mut health = HealthClient::new(gateway.channel().await);
    health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap().into_inner().status()
}

#[tokio::test]
async fn health_is_serving_while_credentials_resolve() {
    let (_simulator, gateway, _) = started().await;
    assert_eq!(health(&gateway, "").await, ServingStatus::Serving);
    assert_eq!(health(&gateway, SERVICE).await, ServingStatus::Serving);
    let mut client = HealthClient::new(gateway.channel().await);
    let unknown = client.check(HealthCheckRequest { service: "no.such.Service".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

#[tokio::test]
async fn without_credentials_health_is_not_serving_and_the_error_says_so() {
    let simulator = simulator().await;
    let gateway =
        Gateway::builder(&simulator).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY").start().await;
    assert_eq!(health(&gateway, SERVICE).await, ServingStatus::NotServing);
    let status = gateway.client().await.converse(converse("demo.model", "Hi")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "GATEWAY_CREDENTIALS"));
    assert_eq!(trailer(&status, "grpc-retry-pushback-ms"), Some("-1"));
    assert_eq!(info(&status, "attempts"), "2");
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn rejected_credentials_make_health_not_serving_after_one_reload() {
    let (simulator, gateway, mut client) = started().await;
    let mut watch = HealthClient::new(gateway.channel().await);
    let mut states = watch.watch(HealthCheckRequest { service: SERVICE.to_owned() }).await.unwrap().into_inner();
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let status = client.converse(converse("fault.expired-token", "Hi")).await.unwrap_err();
    assert_eq!(reason(&status), "GATEWAY_CREDENTIALS");
    assert_eq!(simulator.requests().len(), 2);
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    // A successful call makes it SERVING again.
    client.converse(converse("demo.model", "Hi")).await.unwrap();
    assert_eq!(states.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
}

#[tokio::test]
async fn rejected_signature_of_one_call_does_not_change_health_while_other_calls_succeed() {
    let (simulator, gateway, mut client) = started().await;
    client.converse(converse("demo.model", "Hi")).await.unwrap();
    for name in ["SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"] {
        for _ in 0..2 {
            let text = "The request signature we calculated does not match the signature you provided.";
            simulator.script(Answer::exception(name, StatusCode::FORBIDDEN, text));
        }
        let status = client.converse(converse("odd.model", "Hi")).await.unwrap_err();
        assert_eq!(reason(&status), "GATEWAY_CREDENTIALS", "{name}");
        assert_eq!(health(&gateway, SERVICE).await, ServingStatus::Serving, "{name}");
        client.converse(converse("demo.model", "Hi")).await.unwrap();
    }
}

#[tokio::test]
async fn rejected_signature_of_the_first_call_makes_health_not_serving() {
    let (simulator, gateway, mut client) = started().await;
    for _ in 0..2 {
        // The secret may be wrong.
        simulator.script(Answer::exception("SignatureDoesNotMatch", StatusCode::FORBIDDEN, "no"));
    }
    client.converse(converse("demo.model", "Hi")).await.unwrap_err();
    assert_eq!(health(&gateway, SERVICE).await, ServingStatus::NotServing);
    client.converse(converse("demo.model", "Hi")).await.unwrap();
    while health(&gateway, SERVICE).await != ServingStatus::Serving {}
}

#[tokio::test]
async fn a_reload_finds_new_credentials() {
    let simulator = simulator().await;
    let folder = std::env::temp_dir().join(format!("bedrock-grpc-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("credentials");
    let write =
        |id: &str| std::fs::write(&file, format!("[default]\naws_access_key_id={id}\naws_secret_access_key=secret\n"));
    write("AKIDOLD").unwrap();
    let gateway = Gateway::builder(&simulator)
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .env("AWS_SHARED_CREDENTIALS_FILE", &file)
        .start()
        .await;
    write("AKIDNEW").unwrap();
    let response = gateway.client().await.converse(converse("fault.flaky.1.expired-token", "Hi")).await.unwrap();
    assert_eq!(response.metadata().get("bedrock-grpc-attempts").unwrap(), "2");
    let ids: Vec<_> =
        simulator.requests().iter().map(|r| r.headers["authorization"].to_str().unwrap().to_owned()).collect();
    assert!(ids[0].contains("AKIDOLD") && ids[1].contains("AKIDNEW"), "{ids:?}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn rejection_in_a_retry_of_the_caller_reloads_credentials_for_the_next_call() {
    let simulator = simulator().await;
    let folder = std::env::temp_dir().join(format!("bedrock-grpc-{}-caller-retry", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("credentials");
    let write =
        |id: &str| std::fs::write(&file, format!("[default]\naws_access_key_id={id}\naws_secret_access_key=secret\n"));
    write("AKIDOLD").unwrap();
    let gateway = Gateway::builder(&simulator)
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .env("AWS_SHARED_CREDENTIALS_FILE", &file)
        .start()
        .await;
    write("AKIDNEW").unwrap();
    let mut client = gateway.client().await;
    let mut request = tonic::Request::new(converse("fault.expired-token", "Hi"));
    // The gateway sends one request for a call that its caller retries.
    request.metadata_mut().insert("grpc-previous-rpc-attempts", "1".parse().unwrap());
    let status = client.converse(request).await.unwrap_err();
    assert_eq!((reason(&status).as_str(), info(&status, "attempts").as_str()), ("GATEWAY_CREDENTIALS", "1"));
    client.converse(converse("demo.model", "Hi")).await.unwrap();
    let authorization = simulator.requests().last().unwrap().headers["authorization"].to_str().unwrap().to_owned();
    assert!(authorization.contains("AKIDNEW"), "{authorization}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_bedrock_api_key_is_enough() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator)
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .env("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-abc")
        .start()
        .await;
    assert_eq!(health(&gateway, SERVICE).await, ServingStatus::Serving);
    gateway.client().await.converse(converse("demo.model", "Hi")).await.unwrap();
    assert_eq!(simulator.requests()[0].headers["authorization"], "Bearer bedrock-api-key-abc");
}

#[tokio::test]
async fn without_a_region_the_error_says_what_is_missing() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).without("AWS_REGION").start().await;
    let mut client = gateway.client().await;
    let status = client.converse(converse("demo.model", "Hi")).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(reason(&status), "NO_REGION");
    // An ARN contains its Region.
    let arn = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.x";
    client.converse(converse(arn, "Hi")).await.unwrap();
}

#[tokio::test]
async fn rejected_credentials_in_another_region_do_not_change_health() {
    let (simulator, gateway, mut client) = started().await;
    let arn = "arn:aws:bedrock:af-south-1:123456789012:inference-profile/x";
    for _ in 0..2 {
        simulator.script(Answer::exception("UnrecognizedClientException", StatusCode::FORBIDDEN, "no"));
    }
    let status = client.converse(converse(arn, "Hi")).await.unwrap_err();
    assert_eq!(reason(&status), "GATEWAY_CREDENTIALS");
    assert_eq!(health(&gateway, SERVICE).await, ServingStatus::Serving);
}
