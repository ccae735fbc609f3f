use serde_json::{Value, json};

use crate::support::{Fixture, Reply, with};

fn order() -> Value {
    let output = json!({ "s3OutputDataConfig": { "s3Uri": "s3://my-bucket/videos" } });
    json!({ "modelId": "amazon.nova-reel-v1:0", "modelInput": { "taskType": "TEXT_VIDEO" }, "outputDataConfig": output })
}

async fn start(fixture: &Fixture, order: Value) -> Reply {
    fixture.post("/async-invoke", order.to_string()).await
}

async fn started(fixture: &Fixture, order: Value) -> String {
    start(fixture, order).await.json()["invocationArn"].as_str().unwrap().to_owned()
}

async fn get(fixture: &Fixture, arn: &str) -> Reply {
    fixture.get(&format!("/async-invoke/{}", arn.replace(':', "%3A").replace('/', "%2F"))).await
}

async fn list(fixture: &Fixture, query: &str) -> Value {
    fixture.get(&format!("/async-invoke?{query}")).await.json()
}

fn arns(listed: &Value) -> Vec<&str> {
    let summaries = listed["asyncInvokeSummaries"].as_array().unwrap();
    summaries.iter().map(|summary| summary["invocationArn"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_job_is_done_at_the_second_look() {
    let fixture = Fixture::start().await;
    let arn = started(&fixture, with(order(), "clientRequestToken", json!("token"))).await;
    assert_eq!(arn, "arn:aws:bedrock:us-east-1:123456789012:async-invoke/000000000001");
    let job = get(&fixture, &arn).await.json();
    assert_eq!((&job["status"], job.get("endTime")), (&"InProgress".into(), None));
    assert_eq!(job["modelArn"], "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-reel-v1:0");
    assert_eq!(job["outputDataConfig"], order()["outputDataConfig"]);
    assert_eq!((&job["clientRequestToken"], &job["submitTime"]), (&"token".into(), &"2026-01-01T00:00:01Z".into()));
    for _ in 0..2 {
        let job = get(&fixture, &arn).await.json();
        assert_eq!((&job["status"], &job["endTime"]), (&"Completed".into(), &"2026-01-01T00:01:01Z".into()));
        assert_eq!(job["lastModifiedTime"], job["endTime"]);
    }
    let failing = started(&fixture, with(order(), "modelId", json!("fault.async-failed"))).await;
    assert!(get(&fixture, &failing).await.json().get("failureMessage").is_none());
    let job = get(&fixture, &failing).await.json();
    assert_eq!((&job["status"], job["failureMessage"].is_string()), (&"Failed".into(), true));
}

#[tokio::test]
async fn a_token_starts_one_job() {
    let fixture = Fixture::start().await;
    let with_token = |order| with(order, "clientRequestToken", json!("token-1"));
    let arn = started(&fixture, with_token(order())).await;
    assert_eq!(started(&fixture, with_token(order())).await, arn);
    let other = start(&fixture, with(with_token(order()), "modelInput", json!({}))).await;
    assert_eq!((other.status.as_u16(), other.error()), (400, "ConflictException"));
    assert_ne!(started(&fixture, order()).await, started(&fixture, order()).await);
    // The answer is lost, the job is not.
    let flaky = with(order(), "modelId", json!("fault.flaky.1.truncate.after.1"));
    let flaky = with(flaky, "clientRequestToken", json!("token-2"));
    assert!(serde_json::from_slice::<Value>(&start(&fixture, flaky.clone()).await.body).is_err());
    let found = started(&fixture, flaky).await;
    assert_eq!(arns(&list(&fixture, "maxResults=1").await), [found]);
}

#[tokio::test]
async fn orders_are_checked() {
    let fixture = Fixture::start().await;
    let output = |config: Value| with(order(), "outputDataConfig", json!({ "s3OutputDataConfig": config }));
    for (order, complaint) in [
        (json!({}), "3 validation errors"),
        (output(json!({})), "outputDataConfig.s3OutputDataConfig.s3Uri"),
        (output(json!({ "s3Uri": "https://bucket" })), "regular expression"),
        (output(json!({ "s3Uri": "s3://B" })), "regular expression"),
        (output(json!({ "s3Uri": "s3://bucket", "bucketOwner": "1" })), "bucketOwner"),
        (with(order(), "outputDataConfig", json!({})), "s3OutputDataConfig"),
        (with(order(), "modelInput", json!("text")), "modelInput"),
        (with(order(), "clientRequestToken", json!("a b")), "clientRequestToken"),
        (with(order(), "modelId", json!("nonsense")), "model identifier"),
        (with(order(), "tags", json!([{ "key": "a" }])), "tags.1.member.value"),
    ] {
        let reply = start(&fixture, order).await;
        assert_eq!(reply.error(), "ValidationException");
        assert!(reply.message().contains(complaint), "{}", reply.message());
    }
    assert_eq!(start(&fixture, with(order(), "modelId", json!("fault.throttling"))).await.status, 429);
    assert_eq!(start(&fixture, json!([])).await.error(), "SerializationException");
    let unknown = "arn:aws:bedrock:us-east-1:123456789012:async-invoke/zzzzzzzzzzzz";
    for arn in [unknown, "nonsense"] {
        assert_eq!(get(&fixture, arn).await.error(), "ValidationException");
    }
}

#[tokio::test]
async fn lists_are_paged_filtered_and_sorted() {
    let fixture = Fixture::start().await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(started(&fixture, order()).await);
    }
    let newest_first: Vec<_> = all.iter().rev().cloned().collect();
    for (query, expected) in
        [("sortBy=SubmissionTime&sortOrder=Ascending", &all), ("sortOrder=Descending", &newest_first)]
    {
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let listed = list(&fixture, &format!("{query}&maxResults=2{token}")).await;
            seen.extend(arns(&listed).into_iter().map(str::to_owned));
            let Some(next) = listed["nextToken"].as_str() else { break };
            token = format!("&nextToken={next}");
        }
        assert_eq!(&seen, expected);
    }
    assert_eq!(arns(&list(&fixture, "").await), newest_first);

    for _ in 0..2 {
        get(&fixture, &all[1]).await;
    }
    assert_eq!(arns(&list(&fixture, "statusEquals=Completed").await), [all[1].as_str()]);
    // Listing is not looking.
    assert_eq!(arns(&list(&fixture, "statusEquals=InProgress").await).len(), 4);
    let between = "submitTimeAfter=2026-01-01T00%3A00%3A02Z&submitTimeBefore=2026-01-01T00%3A00%3A04Z";
    assert_eq!(arns(&list(&fixture, between).await), [all[2].as_str()]);
    for query in
        ["maxResults=0", "maxResults=1001", "statusEquals=Done", "sortBy=Name", "sortOrder=Up", "nextToken=nonsense"]
    {
        assert_eq!(fixture.get(&format!("/async-invoke?{query}")).await.error(), "ValidationException", "{query}");
    }
    assert_eq!(fixture.get("/async-invoke?submitTimeAfter=now").await.error(), "SerializationException");
}
