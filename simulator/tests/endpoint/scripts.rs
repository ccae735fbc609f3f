use bedrock_simulator::{Answer, Chunk, frames};
use bytes::Bytes;
use http::StatusCode;

use crate::support::{Fixture, MODEL, Rest, ask};

#[tokio::test]
async fn scripted_answers_come_in_order_and_before_everything() {
    let fixture = Fixture::start().await;
    fixture.simulator.script(Answer::json(StatusCode::CREATED, r#"{"b": 1, "a":2}"#));
    fixture.simulator.script(
        Answer::exception("OddException", StatusCode::IM_A_TEAPOT, "odd").with_header("x-amzn-requestid", "mine"),
    );
    let first = fixture.post("/nowhere", "no JSON").await;
    assert_eq!((first.status.as_u16(), &first.body[..]), (201, &br#"{"b": 1, "a":2}"#[..]));
    assert_eq!(first.header("content-length"), "15");
    let second = fixture.converse(MODEL, ask("a")).await;
    assert_eq!((second.error(), second.header("x-amzn-requestid")), ("OddException", "mine"));
    assert_eq!(second.message(), "odd");
    assert_eq!(fixture.converse(MODEL, ask("a")).await.status, 200);
}

#[tokio::test]
async fn scripted_streams_are_byte_for_byte() {
    let fixture = Fixture::start().await;
    let parts = [frames::event("messageStart", b"{}"), frames::exception("xException", b"{}"), Bytes::from("junk")];
    fixture.simulator.script(Answer::events(parts.clone()));
    let reply = fixture.stream(MODEL, ask("a")).await;
    assert_eq!(reply.body, parts.concat());
    assert_eq!(reply.frames().1, Rest::PartOfAFrame);
    fixture.simulator.script(Answer::events(parts.clone()).then(Chunk::Reset));
    let reply = fixture.stream(MODEL, ask("a")).await;
    assert_eq!((reply.body, reply.broken), (parts.concat().into(), true));
}

#[tokio::test]
async fn requests_are_kept_as_they_came() {
    let fixture = Fixture::start().await;
    let body = r#"{ "messages" :[] , "x":1.0}"#;
    fixture.post("/model/a%3Ab.c/converse?q=%20", body).await;
    let requests = fixture.simulator.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/model/a%3Ab.c/converse?q=%20"));
    assert_eq!(requests[0].body, body);
    assert_eq!(requests[0].headers["host"], "localhost");
    fixture.simulator.clear_requests();
    assert!(fixture.simulator.requests().is_empty());
}
