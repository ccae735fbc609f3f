//! Faults by model id on InvokeModel.

use serde_json::json;

use crate::claude::claude;
use crate::support::{Fixture, Rest, header};

#[tokio::test]
async fn any_body_is_answered_as_claude_would() {
    let fixture = Fixture::start().await;
    for (body, text) in
        [(claude("Hello"), "Hello"), (json!({ "inputText": "Hello" }), "Hello"), (json!({}), "something")]
    {
        let answer = fixture.invoke("fault.slow.1", body).await.json();
        assert_eq!(answer["type"], "message");
        assert!(answer["content"][0]["text"].as_str().unwrap().contains(text), "{answer}");
    }
    assert_eq!(fixture.post("/model/fault.slow.1/invoke", "not JSON").await.error(), "ValidationException");
}

#[tokio::test]
async fn exceptions_come_in_place_of_an_answer_or_in_the_stream() {
    let fixture = Fixture::start().await;
    for (fault, status, name) in [
        ("fault.throttling", 429, "ThrottlingException"),
        ("fault.model-timeout", 408, "ModelTimeoutException"),
        ("fault.model-error", 424, "ModelErrorException"),
        ("fault.service-quota-exceeded", 400, "ServiceQuotaExceededException"),
    ] {
        for reply in [fixture.invoke(fault, claude("a")).await, fixture.invoke_stream(fault, claude("a")).await] {
            assert_eq!((reply.status.as_u16(), reply.error()), (status, name));
            assert!(reply.header("x-amzn-bedrock-invocation-latency").is_empty());
        }
    }
    for (fault, name) in [
        ("fault.model-timeout.after.3", "modelTimeoutException"),
        ("fault.model-stream-error.after.3", "modelStreamErrorException"),
        ("fault.throttling.after.3", "throttlingException"),
    ] {
        let reply = fixture.invoke_stream(fault, claude("a")).await;
        assert_eq!((reply.status.as_u16(), reply.header("x-amzn-bedrock-content-type")), (200, "application/json"));
        let (frames, rest) = reply.frames();
        assert_eq!((frames.len(), rest), (4, Rest::Nothing), "{fault}");
        assert_eq!(header(&frames[2], ":event-type"), "chunk");
        assert_eq!(header(&frames[3], ":exception-type"), name);
    }
    let (frames, _) = fixture.invoke_stream("fault.model-stream-error", claude("a")).await.frames();
    let error: serde_json::Value = serde_json::from_slice(frames[0].payload()).unwrap();
    assert_eq!(error["originalStatusCode"], 500);
}

#[tokio::test]
async fn streams_break_off() {
    let fixture = Fixture::start().await;
    let broken = async |fault: &str| fixture.invoke_stream(fault, claude("a")).await;
    let truncated = broken("fault.truncate.after.2").await;
    assert_eq!((truncated.chunks().len(), truncated.broken), (2, false));
    let cut = broken("fault.cut.after.2").await;
    assert!(cut.broken);
    assert_eq!(cut.frames().1, Rest::PartOfAFrame);
    assert_eq!(broken("fault.corrupt.after.2").await.frames().1, Rest::Corrupt);
    let (frames, _) = broken("fault.garbage.after.2").await.frames();
    assert_eq!(header(&frames[2], ":event-type"), "chunk");
    assert!(broken("fault.reset.after.2").await.broken);
    let last = broken("fault.no-metadata").await.chunks().pop().unwrap();
    assert_eq!(last, json!({ "type": "message_stop" }));
    assert_eq!(broken("fault.unknown-event").await.events()[1].0, "futureEvent");
    assert!(fixture.invoke("fault.unknown-block", claude("a")).await.json()["content"][1]["future_member"].is_object());
}

#[tokio::test]
async fn whole_answers_break_off_too() {
    let fixture = Fixture::start().await;
    for fault in ["fault.truncate.after.1", "fault.garbage.after.1", "fault.cut.after.1"] {
        let reply = fixture.invoke(fault, claude("a")).await;
        assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_err(), "{fault}");
    }
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(fixture.invoke("fault.flaky.2.throttling", claude("a")).await.status.as_u16());
    }
    assert_eq!(statuses, [429, 429, 200]);
}
