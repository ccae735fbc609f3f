use http::StatusCode;
use serde_json::json;

use crate::support::{Fixture, MODEL, Reply, Rest, ask, header};

const EXCEPTIONS: &[(&str, &str, u16)] = &[
    ("access-denied", "AccessDeniedException", 403),
    ("conflict", "ConflictException", 400),
    ("expired-token", "ExpiredTokenException", 403),
    ("ftu-form-not-filled", "FTUFormNotFilled", 404),
    ("internal-server", "InternalServerException", 500),
    ("invalid-signature", "InvalidSignatureException", 403),
    ("model-error", "ModelErrorException", 424),
    ("model-not-ready", "ModelNotReadyException", 429),
    ("model-timeout", "ModelTimeoutException", 408),
    ("opt-in-required", "OptInRequired", 403),
    ("resource-not-found", "ResourceNotFoundException", 404),
    ("service-quota-exceeded", "ServiceQuotaExceededException", 400),
    ("service-unavailable", "ServiceUnavailableException", 503),
    ("throttling", "ThrottlingException", 429),
    ("throttling-daily", "ThrottlingException", 429),
    ("throttling-tokens", "ThrottlingException", 429),
    ("unknown", "TeapotException", 418),
    ("unrecognized-client", "UnrecognizedClientException", 403),
    ("validation", "ValidationException", 400),
];

async fn both(fixture: &Fixture, fault: &str) -> [Reply; 2] {
    let model = format!("fault.{fault}");
    [fixture.converse(&model, ask("a")).await, fixture.stream(&model, ask("a")).await]
}

async fn stream(fault: &str) -> Reply {
    Fixture::start().await.stream(&format!("fault.{fault}"), ask("a")).await
}

#[tokio::test]
async fn exceptions_come_in_place_of_an_answer() {
    let fixture = Fixture::start().await;
    for (fault, name, status) in EXCEPTIONS {
        for reply in both(&fixture, fault).await {
            assert_eq!((reply.error(), reply.status.as_u16()), (*name, *status));
            let suffix = ":http://internal.amazon.com/coral/com.amazon.bedrock/";
            assert!(reply.header("x-amzn-errortype").ends_with(suffix));
            assert_eq!(reply.header("content-type"), "application/json");
            assert!(reply.message().len() > 5);
        }
    }
    let throttled = fixture.converse("fault.throttling-daily", ask("a")).await;
    assert_eq!(throttled.message(), "Too many tokens per day, please wait before trying again.");
    let failed = fixture.converse("fault.model-error-429", ask("a")).await.json();
    assert_eq!(failed["originalStatusCode"], 429);
    assert_eq!(failed["resourceName"], "fault.model-error-429");
}

#[tokio::test]
async fn exceptions_come_in_a_stream() {
    let fixture = Fixture::start().await;
    for (fault, name, _) in EXCEPTIONS {
        let reply = fixture.stream(&format!("fault.{fault}.after.2"), ask("a")).await;
        assert_eq!((reply.status, reply.broken), (StatusCode::OK, false));
        let (frames, rest) = reply.frames();
        assert_eq!((frames.len(), rest), (3, Rest::Nothing), "{fault}");
        assert_eq!(header(&frames[2], ":message-type"), "exception");
        let camel = header(&frames[2], ":exception-type");
        assert_eq!((&camel[..1], &camel[1..]), (&*name[..1].to_lowercase(), &name[1..]));
        let payload: serde_json::Value = serde_json::from_slice(frames[2].payload()).unwrap();
        assert!(payload["message"].is_string());
        // An operation without events answers with it.
        let unary = fixture.converse(&format!("fault.{fault}.after.2"), ask("a")).await;
        assert_eq!(unary.error(), *name);
    }
    let (frames, _) = stream("model-stream-error").await.frames();
    assert_eq!(header(&frames[0], ":exception-type"), "modelStreamErrorException");
    let payload: serde_json::Value = serde_json::from_slice(frames[0].payload()).unwrap();
    assert_eq!(payload["originalStatusCode"], 500);
}

#[tokio::test]
async fn a_short_stream_fails_at_its_end() {
    let whole = stream("no-metadata").await.frames().0.len() + 1;
    let (frames, _) = stream("throttling.after.1000").await.frames();
    assert_eq!(frames.len(), whole + 1);
    assert_eq!(header(&frames[whole], ":message-type"), "exception");
}

#[tokio::test]
async fn streams_break_off() {
    let after_two = |reply: &Reply| {
        let (frames, rest) = reply.frames();
        (frames.len(), rest, reply.broken)
    };
    assert_eq!(after_two(&stream("truncate.after.2").await), (2, Rest::Nothing, false));
    assert_eq!(after_two(&stream("truncate.after.0").await), (0, Rest::Nothing, false));
    assert_eq!(after_two(&stream("cut.after.2").await), (2, Rest::PartOfAFrame, true));
    assert_eq!(after_two(&stream("corrupt.after.2").await), (2, Rest::Corrupt, false));
    assert_eq!(after_two(&stream("reset.after.2").await), (2, Rest::Nothing, true));

    let (frames, rest) = stream("garbage.after.2").await.frames();
    assert_eq!((frames.len(), rest), (3, Rest::Nothing));
    assert_eq!(header(&frames[2], ":event-type"), "contentBlockDelta");
    assert!(serde_json::from_slice::<serde_json::Value>(frames[2].payload()).is_err());

    let (frames, rest) = stream("error.after.2").await.frames();
    assert_eq!((frames.len(), rest), (3, Rest::Nothing));
    assert_eq!(header(&frames[2], ":message-type"), "error");
    assert_eq!(header(&frames[2], ":error-code"), "InternalFailure");
}

#[tokio::test]
async fn whole_answers_break_off_too() {
    let fixture = Fixture::start().await;
    let unary = |fault: &'static str| fixture.converse(fault, ask("a"));
    assert_eq!(unary("fault.error.after.1").await.error(), "InternalServerException");
    for fault in ["fault.truncate.after.1", "fault.cut.after.1", "fault.reset.after.1", "fault.garbage.after.1"] {
        let reply = unary(fault).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.broken, fault.contains("cut") || fault.contains("reset"), "{fault}");
        assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_err(), "{fault}");
    }
}

#[tokio::test]
async fn a_reset_comes_before_any_byte() {
    let fixture = Fixture::start().await;
    for operation in ["converse", "converse-stream"] {
        let mut connection = fixture.connect().await;
        let path = format!("/model/fault.reset/{operation}");
        assert!(connection.post(&path, ask("a").to_string()).await.is_err());
    }
    // As seen from a plain socket: ECONNRESET, not an end of file.
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(fixture.simulator.address()).await.unwrap();
    let request = b"POST /model/fault.reset/converse HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}";
    socket.write_all(request).await.unwrap();
    let error = socket.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn streams_differ_from_the_usual() {
    let types = |reply: Reply| reply.events().into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
    assert_eq!(types(stream("no-metadata").await).last().unwrap(), "messageStop");
    let events = stream("unknown-event").await.events();
    assert_eq!(events[1], ("futureEvent".to_owned(), json!({ "answer": 42, "p": "abc" })));
    assert_eq!(events.last().unwrap().0, "metadata");
}

#[tokio::test]
async fn unknown_members_keep_their_spelling() {
    let spelling = r#"{"z": 1, "a": [1.0, 12345678901234567890]}"#;
    let [unary, stream] = both(&Fixture::start().await, "unknown-block").await;
    let text = String::from_utf8(unary.body.to_vec()).unwrap();
    assert!(text.contains(&format!(r#"{{"futureBlock":{spelling}}}"#)), "{text}");
    assert_eq!(text.matches(&format!(r#""futureMember":{spelling}"#)).count(), 2, "{text}");

    let (frames, _) = stream.frames();
    let payload = |kind: &str, member: &str| {
        let text = |frame: &aws_smithy_types::event_stream::Message| String::from_utf8(frame.payload().to_vec());
        let found = frames.iter().filter(|frame| header(frame, ":event-type") == kind);
        found.map(|frame| text(frame).unwrap()).find(|text| text.contains(member)).unwrap()
    };
    for kind in ["contentBlockStart", "contentBlockDelta"] {
        assert!(payload(kind, "futureBlock").contains(&format!(r#"{{"futureBlock":{spelling}}}"#)));
    }
    assert_eq!(payload("metadata", "usage").matches("futureMember").count(), 2);
}

#[tokio::test]
async fn flaky_models_recover_each_by_itself() {
    let fixture = Fixture::start().await;
    for model in ["fault.flaky.2.throttling", "fault.flaky.2.http-503"] {
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(fixture.converse(model, ask("a")).await.status.is_success());
        }
        assert_eq!(statuses, [false, false, true, true], "{model}");
    }
    let truncated = fixture.stream("fault.flaky.1.truncate.after.1", ask("a")).await;
    assert_eq!(truncated.events().len(), 1);
    assert!(fixture.stream("fault.flaky.1.truncate.after.1", ask("a")).await.events().len() > 1);
}

#[tokio::test]
async fn statuses_headers_and_delays() {
    let fixture = Fixture::start().await;
    let bare = fixture.converse("fault.http-503", ask("a")).await;
    assert_eq!((bare.status.as_u16(), bare.headers.contains_key("x-amzn-errortype")), (503, false));
    assert_eq!(bare.message(), "Service Unavailable");
    let throttled = fixture.stream("fault.retry-after.7", ask("a")).await;
    assert_eq!((throttled.error(), throttled.header("retry-after")), ("ThrottlingException", "7"));
    let started = std::time::Instant::now();
    assert_eq!(fixture.converse("fault.slow.50", ask("a")).await.status, 200);
    assert!(started.elapsed().as_millis() >= 50);
    let unknown = fixture.converse("fault.nonsense", ask("a")).await;
    assert_eq!(unknown.error(), "ValidationException");
    assert!(unknown.message().contains("throttling-daily"));
    assert_eq!(fixture.converse(MODEL, ask("a")).await.status, 200);
}
