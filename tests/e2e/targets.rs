//! Several targets behind one name: which failures go to the next target, which targets are ejected, and when they get calls again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bedrock_grpc_schema::runtime::v1::*;
use bedrock_simulator::{Options, Simulator};
use serde_json::Value;
use tempfile::TempDir;
use tonic::Code;

use crate::fixture::*;

/// A gateway whose name `chat` has these targets, in this order.
async fn start(simulator: &Simulator, models: &[&str]) -> (TempDir, Gateway) {
    let targets = models.iter().enumerate();
    let targets: Vec<_> =
        targets.map(|(index, model)| format!("{{ model: \"{model}\", priority: {index} }}")).collect();
    start_with(simulator, &format!("models: {{ chat: {{ targets: [{}] }} }}\n", targets.join(", "))).await
}

async fn start_with(simulator: &Simulator, configuration: &str) -> (TempDir, Gateway) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, format!("admin: {{ listen: \"127.0.0.1:0\" }}\n{configuration}")).unwrap();
    let gateway = Gateway::builder(simulator).arg("--config").arg(file.to_str().unwrap()).start().await;
    (folder, gateway)
}

/// The target and the number of attempts of a response.
fn served(metadata: &tonic::metadata::MetadataMap) -> (String, String) {
    let value = |key| metadata.get(key).unwrap().to_str().unwrap().to_owned();
    (value("bedrock-grpc-target"), value("bedrock-grpc-attempts"))
}

async fn call(client: &mut Client) -> (String, String) {
    served(client.converse(converse("chat", "Hi")).await.unwrap().metadata())
}

/// The rows of `/targets` by the targets' names.
async fn targets(gateway: &Gateway) -> HashMap<String, Value> {
    let page = get(&admin_address(gateway).await, "/targets").await;
    assert_eq!(page.status, 200);
    let body: Value = serde_json::from_str(&page.body).unwrap();
    let rows = body["targets"].as_array().unwrap();
    rows.iter().map(|row| (row["name"].as_str().unwrap().to_owned(), row.clone())).collect()
}

fn is(target: &str, attempts: &str) -> (String, String) {
    (target.to_owned(), attempts.to_owned())
}

#[tokio::test]
async fn daily_quota_goes_to_the_next_target_at_once_and_ejects_until_tomorrow() {
    let simulator = simulator().await;
    let (_folder, gateway) = start(&simulator, &["fault.throttling-daily", "demo.model"]).await;
    let mut client = gateway.client().await;
    assert_eq!(call(&mut client).await, is("chat/1", "2"));
    assert_eq!(call(&mut client).await, is("chat/1", "1"), "the ejected target gets no call");
    let line = gateway.call_line(|line| line["attempts"] == 2).await;
    assert_eq!((line["target_name"].as_str(), line["target"].as_str()), (Some("chat/1"), Some("demo.model")));
    let rows = targets(&gateway).await;
    let (first, second) = (&rows["chat/0"], &rows["chat/1"]);
    assert_eq!((first["state"].as_str(), first["reason"].as_str()), (Some("ejected"), Some("THROTTLING")));
    let probe = humantime::parse_rfc3339(first["next_probe"].as_str().unwrap()).unwrap();
    let of_day = probe.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() % (24 * 60 * 60);
    assert!(of_day <= 61 && probe > std::time::SystemTime::now(), "{first}");
    assert_eq!((second["state"].as_str(), second.get("next_probe")), (Some("available"), None));

    let command = tokio::process::Command::new(env!("CARGO_BIN_EXE_bedrock-grpc"))
        .args(["targets", "--address", &admin_address(&gateway).await])
        .output()
        .await
        .unwrap();
    let output = String::from_utf8(command.stdout).unwrap();
    let lines: Vec<Vec<&str>> = output.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 3, "{output}");
    assert_eq!(lines[1][..3], ["chat/0", "ejected", "THROTTLING"]);
    assert_eq!((&lines[2][..4], lines[2].last()), (&["chat/1", "available", "-", "-"][..], Some(&"demo.model")));
    let metrics = get(&admin_address(&gateway).await, "/metrics").await.body;
    for (target, value) in [("chat/0", "1"), ("chat/1", "0")] {
        let label = format!("bedrock_grpc_target_name=\"{target}\"");
        let is_its = |line: &&str| line.starts_with("bedrock_grpc_target_ejected{") && line.contains(&label);
        let line = metrics.lines().find(is_its).unwrap();
        assert!(line.ends_with(&format!(" {value}")), "{line}");
    }
}

#[tokio::test]
async fn temporary_failure_uses_the_targets_own_attempts_first() {
    let simulator = simulator().await;
    let (_folder, gateway) = start(&simulator, &["fault.service-unavailable", "demo.model"]).await;
    let mut client = gateway.client().await;
    assert_eq!(call(&mut client).await, is("chat/1", "4"));
    // The fifth failure in a row ejects the target, so the call does not use its other attempts at this target.
    assert_eq!(call(&mut client).await, is("chat/1", "3"));
    gateway.log.line(|line| line["message"] == "a target is ejected" && line["target_name"] == "chat/0").await;
}

#[tokio::test]
async fn stream_goes_to_the_next_target_only_before_its_first_event() {
    let simulator = simulator().await;
    let (_folder, gateway) = start(&simulator, &["fault.throttling-daily.after.0", "demo.model"]).await;
    let mut client = gateway.client().await;
    let response = client.converse_stream(converse_stream("chat", "Hi")).await.unwrap();
    assert_eq!(served(response.metadata()), is("chat/1", "2"));
    let mut stream = response.into_inner();
    while stream.message().await.unwrap().is_some() {}

    let (_folder, gateway) = start(&simulator, &["fault.throttling-daily.after.2", "demo.model"]).await;
    let response = gateway.client().await.converse_stream(converse_stream("chat", "Hi")).await.unwrap();
    assert_eq!(served(response.metadata()), is("chat/0", "1"));
    let mut stream = response.into_inner();
    let status = loop {
        match stream.message().await {
            Ok(event) => assert!(event.is_some()),
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), info(&status, "events").as_str()), (Code::ResourceExhausted, "2"));
}

#[tokio::test]
async fn call_that_may_have_been_billed_is_sent_at_most_twice() {
    let simulator = simulator().await;
    let models = ["fault.internal-server", "fault.flaky.100.internal-server", "demo.model"];
    let (_folder, gateway) = start(&simulator, &models).await;
    let status = gateway.client().await.converse(converse("chat", "Hi")).await.unwrap_err();
    assert_eq!((status.code(), info(&status, "attempts").as_str()), (Code::Internal, "2"));
    let models: Vec<_> = simulator.requests().iter().map(|request| request.path.clone()).collect();
    assert!(models[0].contains("fault.internal-server") && models[1].contains("flaky"), "{models:?}");
}

#[tokio::test]
async fn rejected_requests_go_to_no_other_target_and_never_eject() {
    let simulator = simulator().await;
    let (_folder, gateway) = start(&simulator, &["fault.validation", "demo.model"]).await;
    let mut client = gateway.client().await;
    for _ in 0..25 {
        let status = client.converse(converse("chat", "Hi")).await.unwrap_err();
        assert_eq!((status.code(), info(&status, "attempts").as_str()), (Code::InvalidArgument, "1"));
    }
    assert_eq!(targets(&gateway).await["chat/0"]["state"], "available");
}

#[tokio::test]
async fn retry_of_the_caller_gets_one_attempt_at_one_target() {
    let simulator = simulator().await;
    let (_folder, gateway) = start(&simulator, &["fault.throttling-daily", "demo.model"]).await;
    let mut client = gateway.client().await;
    let mut request = tonic::Request::new(converse("chat", "Hi"));
    request.metadata_mut().insert("grpc-previous-rpc-attempts", "1".parse().unwrap());
    let status = client.converse(request).await.unwrap_err();
    assert_eq!((status.code(), info(&status, "attempts").as_str()), (Code::ResourceExhausted, "1"));
    assert_eq!(call(&mut client).await, is("chat/1", "1"), "its failure counts");
}

#[tokio::test]
async fn least_bad_target_is_tried_if_all_are_ejected() {
    let simulator = simulator().await;
    let models = ["fault.throttling-daily", "fault.flaky.5.service-unavailable"];
    let (_folder, gateway) = start(&simulator, &models).await;
    let mut client = gateway.client().await;
    let status = client.converse(converse("chat", "Hi")).await.unwrap_err();
    assert_eq!(info(&status, "attempts"), "4", "one at the first and three at the second target");
    // Two more failures eject the second target. Its probe is still the earlier one, and the target works now.
    assert_eq!(
        client.converse(converse("chat", "Hi")).await.map(|r| served(r.metadata())).ok(),
        Some(is("chat/1", "3"))
    );
    assert_eq!(call(&mut client).await, is("chat/1", "1"));
    let rows = targets(&gateway).await;
    assert_eq!((&rows["chat/0"]["state"], &rows["chat/1"]["state"]), (&"ejected".into(), &"available".into()));
}

#[tokio::test]
async fn job_is_never_sent_to_a_second_target() {
    let simulator = simulator().await;
    let (_folder, gateway) = start(&simulator, &["fault.throttling-daily", "amazon.nova-reel-v1:0"]).await;
    let output = AsyncInvokeS3OutputDataConfig { s3_uri: Some("s3://bucket/out".into()), ..Default::default() };
    let member = Some(async_invoke_output_data_config::Member::S3OutputDataConfig(output));
    let request = StartAsyncInvokeRequest {
        model_id: Some("chat".into()),
        model_input_form: Some(start_async_invoke_request::ModelInputForm::ModelInputJson("{}".into())),
        output_data_config: Some(AsyncInvokeOutputDataConfig { member }),
        ..Default::default()
    };
    let mut client = gateway.client().await;
    let status = client.start_async_invoke(request.clone()).await.unwrap_err();
    assert_eq!((reason(&status).as_str(), info(&status, "attempts").as_str()), ("THROTTLING", "1"));
    // The next job starts at the target that is not ejected.
    assert_eq!(served(client.start_async_invoke(request).await.unwrap().metadata()), is("chat/1", "1"));
    let body: Value = serde_json::from_slice(&simulator.requests().last().unwrap().body).unwrap();
    assert_eq!(body["modelId"], "amazon.nova-reel-v1:0");
}

#[tokio::test]
async fn targets_share_the_calls_by_weight() {
    let simulator = simulator().await;
    let configuration =
        "models: { chat: { targets: [{ model: demo.model, weight: 9 }, { model: other.model, weight: 1 }] } }\n";
    let (_folder, gateway) = start_with(&simulator, configuration).await;
    let mut client = gateway.client().await;
    let mut heavy = 0;
    for _ in 0..200 {
        heavy += u32::from(call(&mut client).await.0 == "chat/0");
    }
    // 180 are expected; the standard deviation is 4.2.
    assert!((140..200).contains(&heavy), "{heavy} of 200");
}

#[tokio::test]
async fn reload_keeps_the_ejection_of_an_unchanged_target() {
    let simulator = simulator().await;
    let (folder, gateway) = start(&simulator, &["fault.throttling-daily", "demo.model"]).await;
    let mut client = gateway.client().await;
    assert_eq!(call(&mut client).await, is("chat/1", "2"));
    let file = folder.path().join("gateway.yaml");
    let text = std::fs::read_to_string(&file).unwrap().replace("chat:", "talk:");
    std::fs::write(&file, text).unwrap();
    let response = loop {
        match client.converse(converse("talk", "Hi")).await {
            Ok(response) if response.metadata().contains_key("bedrock-grpc-target") => break response,
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    assert_eq!(served(response.metadata()), is("talk/1", "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_survive_a_dead_region_and_return_to_it_within_half_a_minute() {
    const CALLS: usize = 100;
    let (near, far) = (simulator_over_http1().await, simulator_over_http1().await);
    let address = near.address();
    let configuration = format!(
        "aws: {{ endpoints: {{ us-west-2: \"{}\" }} }}\nmodels: {{ chat: {{ targets: [{{ model: demo.model, region: us-east-1 }}, \
         {{ model: demo.model, region: us-west-2, priority: 1 }}] }} }}\n",
        far.endpoint()
    );
    let (_folder, gateway) = start_with(&near, &configuration).await;
    let mut client = gateway.client().await;
    assert_eq!(call(&mut client).await, is("chat/0", "1"));
    drop(near);
    let mut attempts = 0;
    for _ in 0..CALLS {
        let (target, count) = call(&mut client).await;
        assert_eq!(target, "chat/1");
        attempts += count.parse::<usize>().unwrap();
    }
    // The outage adds only the attempts until the ejection, and single probes.
    assert!(attempts <= CALLS + CALLS / 10 + 10, "{attempts} attempts for {CALLS} calls");
    // Another test may use the port for a moment.
    let _near = loop {
        match Simulator::start_with(address, Options::immediate()).await {
            Ok(near) => break near,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    let restarted = Instant::now();
    while call(&mut client).await.0 != "chat/0" {
        assert!(restarted.elapsed() < Duration::from_secs(60), "the Region gets no calls");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
