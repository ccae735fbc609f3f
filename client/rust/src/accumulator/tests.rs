//! Streams as Bedrock sends them, compared with the responses that Converse would return. Both are Bedrock's JSON.

use bedrock_grpc_schema::json;

use super::*;

fn event(name: &str, payload: &str) -> Event {
    json::decode_event(name, payload.as_bytes(), |_| ()).unwrap().unwrap()
}

fn start(index: i32, start: &str) -> Event {
    event("contentBlockStart", &format!(r#"{{"start":{start},"contentBlockIndex":{index}}}"#))
}

fn delta(index: i32, delta: &str) -> Event {
    event("contentBlockDelta", &format!(r#"{{"delta":{delta},"contentBlockIndex":{index}}}"#))
}

fn stop(reason: &str) -> Event {
    event("messageStop", &format!(r#"{{"stopReason":"{reason}"}}"#))
}

fn assemble(events: impl IntoIterator<Item = Event>) -> Result<ConverseResponse, AssembleError> {
    let mut accumulator = Accumulator::default();
    events.into_iter().for_each(|event| accumulator.push(&event));
    accumulator.finish()
}

/// Asserts that these events produce this `content`, as JSON.
#[track_caller]
fn assert_content(blocks: impl IntoIterator<Item = Event>, expected: &str) {
    let start_event = event("messageStart", r#"{"role":"assistant"}"#);
    let response = assemble([start_event].into_iter().chain(blocks).chain([stop("end_turn")])).unwrap();
    let expected_response =
        format!(r#"{{"output":{{"message":{{"role":"assistant","content":{expected}}}}},"stopReason":"end_turn"}}"#);
    assert_eq!(String::from_utf8(json::encode(&response, 0).unwrap().into()).unwrap(), expected_response);
}

#[test]
fn complete_stream_equals_the_converse_response() {
    let response = assemble([
        event("messageStart", r#"{"role":"assistant"}"#),
        delta(0, r#"{"text":"Hel"}"#),
        delta(0, r#"{"text":"lo"}"#),
        event("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        event(
            "messageStop",
            r#"{"stopReason":"stop_sequence","additionalModelResponseFields":{"stop_sequence":"\n"}}"#,
        ),
        event(
            "metadata",
            r#"{"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5,"cacheReadInputTokens":7},"metrics":{"latencyMs":41},
                "trace":{"guardrail":{"actionReason":"none"},"promptRouter":{"invokedModelId":"m"}},
                "performanceConfig":{"latency":"optimized"},"serviceTier":{"type":"flex"}}"#,
        ),
    ]);
    let converse: ConverseResponse = json::decode(
        br#"{"output":{"message":{"role":"assistant","content":[{"text":"Hello"}]}},"stopReason":"stop_sequence",
             "usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5,"cacheReadInputTokens":7},"metrics":{"latencyMs":41},
             "additionalModelResponseFields":{"stop_sequence":"\n"},
             "trace":{"guardrail":{"actionReason":"none"},"promptRouter":{"invokedModelId":"m"}},
             "performanceConfig":{"latency":"optimized"},"serviceTier":{"type":"flex"}}"#,
        |name| panic!("{name} is not a member of a response"),
    )
    .unwrap();
    assert_eq!(response, Ok(converse));
}

#[test]
fn tool_input_fragments_are_joined_unchanged() {
    assert_content(
        [
            start(0, r#"{"toolUse":{"toolUseId":"t1","name":"f","type":"server_tool_use"}}"#),
            delta(0, r#"{"toolUse":{"input":""}}"#),
            delta(0, r#"{"toolUse":{"input":"{\"b\": 12345678901"}}"#),
            delta(0, r#"{"toolUse":{"input":"23456789, \"a\":1.0}"}}"#),
        ],
        r#"[{"toolUse":{"toolUseId":"t1","name":"f","input":{"b": 1234567890123456789, "a":1.0},"type":"server_tool_use"}}]"#,
    );
}

#[test]
fn tool_without_input_gets_an_empty_object() {
    let expected = r#"[{"toolUse":{"toolUseId":"t1","name":"f","input":{}}}]"#;
    let start_event = || start(0, r#"{"toolUse":{"toolUseId":"t1","name":"f"}}"#);
    assert_content([start_event()], expected);
    assert_content([start_event(), delta(0, r#"{"toolUse":{"input":" "}}"#)], expected);
}

#[test]
fn tool_result_texts_are_joined_and_json_values_are_not() {
    assert_content(
        [
            start(0, r#"{"toolResult":{"toolUseId":"t1","type":"nova_grounding_result","status":"success"}}"#),
            delta(0, r#"{"toolResult":[{"text":"a"},{"text":"b"}]}"#),
            delta(
                0,
                r#"{"toolResult":[{"text":"c"},{"json":{"z":1,"y":2}},{"json":[]},{"text":"d"},{"hologram":{}}]}"#,
            ),
        ],
        r#"[{"toolResult":{"toolUseId":"t1","content":[{"text":"abc"},{"json":{"z":1,"y":2}},{"json":[]},{"text":"d"},{"hologram":{}}],"status":"success","type":"nova_grounding_result"}}]"#,
    );
}

#[test]
fn reasoning_keeps_its_signature() {
    assert_content(
        [
            delta(0, r#"{"reasoningContent":{"text":"Let "}}"#),
            delta(0, r#"{"reasoningContent":{"text":"me see"}}"#),
            delta(0, r#"{"reasoningContent":{"signature":"c2ln"}}"#),
            delta(1, r#"{"text":"18"}"#),
        ],
        r#"[{"reasoningContent":{"reasoningText":{"text":"Let me see","signature":"c2ln"}}},{"text":"18"}]"#,
    );
}

#[test]
fn reasoning_with_only_a_signature_has_an_empty_text() {
    assert_content(
        [delta(0, r#"{"reasoningContent":{"signature":"c2ln"}}"#)],
        r#"[{"reasoningContent":{"reasoningText":{"text":"","signature":"c2ln"}}}]"#,
    );
}

#[test]
fn empty_text_and_reasoning_blocks_are_left_out() {
    assert_content(
        [
            delta(0, r#"{"reasoningContent":{"text":""}}"#),
            delta(1, r#"{"text":""}"#),
            start(2, r#"{"toolUse":{"toolUseId":"t1","name":"f"}}"#),
            delta(3, r#"{"text":""}"#),
            delta(3, r#"{"text":"a"}"#),
        ],
        r#"[{"toolUse":{"toolUseId":"t1","name":"f","input":{}}},{"text":"a"}]"#,
    );
}

#[test]
fn redacted_reasoning_is_a_separate_block() {
    assert_content(
        [
            delta(0, r#"{"reasoningContent":{"redactedContent":"AQ=="}}"#),
            delta(0, r#"{"reasoningContent":{"redactedContent":"Ag=="}}"#),
            delta(0, r#"{"reasoningContent":{"text":"plain"}}"#),
            delta(0, r#"{"reasoningContent":{"musing":{"x":1}}}"#),
        ],
        r#"[{"reasoningContent":{"redactedContent":"AQI="}},{"reasoningContent":{"reasoningText":{"text":"plain"}}},{"reasoningContent":{"musing":{"x":1}}}]"#,
    );
}

#[test]
fn text_with_citations_becomes_a_citations_block() {
    assert_content(
        [
            delta(0, r#"{"text":"It is "}"#),
            delta(
                0,
                r#"{"citation":{"title":"T","source":"S","sourceContent":[{"text":"18 degrees"},{}],"location":{"documentPage":{"documentIndex":0,"start":1,"end":2}}}}"#,
            ),
            delta(0, r#"{"text":"18."}"#),
            delta(0, r#"{"citation":{"title":"U","location":{"web":{"url":"https://x"}}}}"#),
            delta(1, r#"{"text":" Nice."}"#),
        ],
        r#"[{"citationsContent":{"content":[{"text":"It is 18."}],"citations":[{"title":"T","source":"S","sourceContent":[{"text":"18 degrees"}],"location":{"documentPage":{"documentIndex":0,"start":1,"end":2}}},{"title":"U","location":{"web":{"url":"https://x"}}}]}},{"text":" Nice."}]"#,
    );
    assert_content(
        [delta(0, r#"{"citation":{"title":"T"}}"#)],
        r#"[{"citationsContent":{"citations":[{"title":"T"}]}}]"#,
    );
}

#[test]
fn image_bytes_are_joined() {
    assert_content(
        [
            start(0, r#"{"image":{"format":"png"}}"#),
            delta(0, r#"{"image":{"source":{"bytes":"AQ=="}}}"#),
            delta(0, r#"{"image":{"source":{"bytes":"AgM="}}}"#),
        ],
        r#"[{"image":{"format":"png","source":{"bytes":"AQID"}}}]"#,
    );
}

#[test]
fn image_with_s3_location_or_error_is_kept() {
    assert_content(
        [
            start(0, r#"{"image":{"format":"png"}}"#),
            delta(0, r#"{"image":{"source":{"s3Location":{"uri":"s3://b/k"}}}}"#),
            start(1, r#"{"image":{"format":"jpeg"}}"#),
            delta(1, r#"{"image":{"error":{"message":"blurred"}}}"#),
        ],
        r#"[{"image":{"format":"png","source":{"s3Location":{"uri":"s3://b/k"}}}},{"image":{"format":"jpeg","error":{"message":"blurred"}}}]"#,
    );
}

#[test]
fn unrecognized_blocks_keep_their_position_and_text() {
    assert_content(
        [
            delta(2, r#"{"text":"after"}"#),
            delta(0, r#"{"text":"before"}"#),
            start(1, r#"{"hologram":{"z": 1.0}}"#),
            delta(1, r#"{"hologram":{"beam":"a"}}"#),
            delta(1, r#"{"hologram":{"beam":"b"}}"#),
        ],
        r#"[{"text":"before"},{"hologram":{"z": 1.0}},{"hologram":{"beam":"a"}},{"hologram":{"beam":"b"}},{"text":"after"}]"#,
    );
}

#[test]
fn unrecognized_delta_inside_a_tool_use_does_not_split_the_input() {
    assert_content(
        [
            start(0, r#"{"toolUse":{"toolUseId":"t1","name":"f"}}"#),
            delta(0, r#"{"toolUse":{"input":"{\"a\""}}"#),
            delta(0, r#"{"hologram":{}}"#),
            delta(0, r#"{"toolUse":{"input":":1}"}}"#),
        ],
        r#"[{"toolUse":{"toolUseId":"t1","name":"f","input":{"a":1}}},{"hologram":{}}]"#,
    );
}

#[test]
fn interleaved_blocks_are_separated_and_sorted_by_index() {
    assert_content(
        [
            start(2, r#"{"toolUse":{"toolUseId":"t2","name":"g"}}"#),
            delta(0, r#"{"text":"a"}"#),
            start(1, r#"{"toolUse":{"toolUseId":"t1","name":"f"}}"#),
            delta(2, r#"{"toolUse":{"input":"{\"n\":"}}"#),
            delta(1, r#"{"toolUse":{"input":"{\"m\":"}}"#),
            delta(0, r#"{"text":"b"}"#),
            delta(1, r#"{"toolUse":{"input":"1}"}}"#),
            delta(2, r#"{"toolUse":{"input":"2}"}}"#),
        ],
        r#"[{"text":"ab"},{"toolUse":{"toolUseId":"t1","name":"f","input":{"m":1}}},{"toolUse":{"toolUseId":"t2","name":"g","input":{"n":2}}}]"#,
    );
}

#[test]
fn stream_without_content_gives_an_empty_list() {
    assert_content([event("contentBlockStop", r#"{"contentBlockIndex":0}"#)], "[]");
}

#[test]
fn empty_unions_and_unrecognized_events_add_no_block() {
    use bedrock_grpc_schema::runtime::v1::{
        ContentBlockDelta, ReasoningContentBlockDelta, content_block_delta::Member,
    };
    let delta_event = |delta| {
        Event::ContentBlockDelta(ContentBlockDeltaEvent { delta, content_block_index: Some(0), unrecognized: None })
    };
    let reasoning = Member::ReasoningContent(ReasoningContentBlockDelta { member: None });
    assert_content(
        [
            delta_event(None),
            delta_event(Some(ContentBlockDelta { member: None })),
            delta_event(Some(ContentBlockDelta { member: Some(reasoning) })),
            Event::ContentBlockStart(ContentBlockStartEvent::default()),
            event("hologramEvent", "{}"),
        ],
        "[]",
    );
}

#[test]
fn stream_without_message_stop_is_incomplete() {
    let events = [event("messageStart", r#"{"role":"assistant"}"#), delta(0, r#"{"text":"a"}"#)];
    assert_eq!(assemble(events), Err(AssembleError::Incomplete));
    assert_eq!(assemble([]), Err(AssembleError::Incomplete));
}

#[test]
fn stream_without_metadata_gives_a_response_without_usage() {
    let response = assemble([delta(0, r#"{"text":"a"}"#), stop("end_turn")]).unwrap();
    assert_eq!((response.usage, response.metrics), (None, None));
}

#[test]
fn tool_input_that_is_not_json_is_an_error_that_names_the_tool_and_quotes_no_input() {
    let error = assemble([
        start(1, r#"{"toolUse":{"toolUseId":"t1","name":"transfer"}}"#),
        delta(1, r#"{"toolUse":{"input":"{\"secret\": 12"}}"#),
        stop("max_tokens"),
    ])
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the input of tool `transfer` (content block 1) is not valid JSON; the stop reason of the response is `max_tokens`"
    );
    assert!(!format!("{error:?}").contains("secret"));
}
