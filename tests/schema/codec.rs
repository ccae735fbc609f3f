//! Where AWS's JSON and protobuf differ, case by case.

use bedrock_grpc_schema::json::{self, AwsJson, DocumentForm};
use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::tool_use_block::InputForm;
use bedrock_grpc_schema::runtime::v1::*;
use bedrock_grpc_schema::r#type::v1::Document;
use prost_types::value::Kind;

fn encode<T: AwsJson>(message: &T) -> String {
    String::from_utf8(json::encode(message, 0).unwrap().to_vec()).unwrap()
}

fn decode<T: AwsJson + Default>(text: &str) -> T {
    json::decode(text.as_bytes(), |name| panic!("unknown {name}")).unwrap()
}

fn invalid<T: AwsJson>(message: &T) -> json::Invalid {
    json::encode(message, 0).unwrap_err()
}

fn unrecognized(text: &str) -> Document {
    Document { json: text.to_owned() }
}

fn input_json(text: &str) -> InputForm {
    InputForm::InputJson(text.to_owned())
}

fn value(kind: Kind) -> prost_types::Value {
    prost_types::Value { kind: Some(kind) }
}

fn request(block: content_block::Member) -> ConverseRequest {
    let content = vec![
        ContentBlock { member: Some(content_block::Member::Text("Hi".into())) },
        ContentBlock { member: Some(block) },
    ];
    let messages = vec![Message { role: Some("user".into()), content, ..Default::default() }];
    ConverseRequest { model_id: Some("m".into()), messages, ..Default::default() }
}

fn tool_use(input: InputForm) -> content_block::Member {
    content_block::Member::ToolUse(ToolUseBlock { input_form: Some(input), ..Default::default() })
}

#[test]
fn a_document_is_written_and_read_unchanged() {
    let text = r#"{ "z":1, "a" : [1.0, 12345678901234567890, 1e400], "é":"\u00e9" }"#;
    let block = ToolUseBlock { input_form: Some(input_json(text)), ..Default::default() };
    assert_eq!(encode(&block), format!(r#"{{"input":{text}}}"#));
    let read: ToolUseBlock = decode(&format!(r#"{{"input":{text}}}"#));
    assert_eq!(read.input_form, Some(input_json(text)));
}

#[test]
fn a_value_is_written_with_sorted_keys_and_integers_stay_integers() {
    let fields = [
        ("z", value(Kind::NumberValue(3.0))),
        ("a", value(Kind::NumberValue(0.5))),
        ("m", value(Kind::NumberValue(-9_007_199_254_740_992.0))),
        ("big", value(Kind::NumberValue(1e300))),
        ("n", value(Kind::NullValue(0))),
        ("l", value(Kind::ListValue(prost_types::ListValue { values: vec![value(Kind::BoolValue(true))] }))),
    ];
    let fields = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    let document = value(Kind::StructValue(prost_types::Struct { fields }));
    let text = r#"{"a":0.5,"big":1e+300,"l":[true],"m":-9007199254740992,"n":null,"z":3}"#;
    assert_eq!(encode(&document), text);
    let block = ToolUseBlock { input_form: Some(InputForm::Input(document)), ..Default::default() };
    assert_eq!(encode(&block), format!(r#"{{"input":{text}}}"#));
    let read: ToolUseBlock = json::decode_with(DocumentForm::Value, encode(&block).as_bytes(), |_| ()).unwrap();
    assert_eq!(read, block);
}

#[test]
fn an_invalid_request_is_rejected_with_the_path_of_the_field() {
    let cases = [
        (request(tool_use(input_json("{nope"))), "messages[0].content[1].toolUse.inputJson"),
        (request(tool_use(input_json(""))), "messages[0].content[1].toolUse.inputJson"),
        (
            request(tool_use(InputForm::Input(prost_types::Value { kind: None }))),
            "messages[0].content[1].toolUse.input",
        ),
        (
            request(tool_use(InputForm::Input(value(Kind::NumberValue(f64::NAN))))),
            "messages[0].content[1].toolUse.input",
        ),
        (
            request(content_block::Member::Image(ImageBlock {
                source: Some(ImageSource { member: None }),
                ..Default::default()
            })),
            "messages[0].content[1].image.source",
        ),
        (request(content_block::Member::Unrecognized(unrecognized("[1]"))), "messages[0].content[1].unrecognized"),
        (
            request(content_block::Member::Unrecognized(unrecognized(r#"{"a":1,"b":2}"#))),
            "messages[0].content[1].unrecognized",
        ),
        (
            ConverseRequest {
                unrecognized: Some(unrecognized(r#"{"messages":[]}"#)),
                ..request(content_block::Member::Text("x".into()))
            },
            "unrecognized",
        ),
        (
            ConverseRequest { unrecognized: Some(unrecognized(r#"{"modelId":"m"}"#)), ..Default::default() },
            "unrecognized",
        ),
        (
            request(content_block::Member::ToolUse(ToolUseBlock {
                name: Some("n".into()),
                unrecognized: Some(unrecognized(r#"{"name":"nope"}"#)),
                ..Default::default()
            })),
            "messages[0].content[1].toolUse.unrecognized",
        ),
        (
            ConverseRequest { unrecognized: Some(unrecognized(r#"{"a":1,"a":2}"#)), ..Default::default() },
            "unrecognized",
        ),
        (ConverseRequest { unrecognized: Some(unrecognized("")), ..Default::default() }, "unrecognized"),
        (
            ConverseRequest {
                inference_config: Some(InferenceConfiguration {
                    temperature: Some(f32::INFINITY),
                    ..Default::default()
                }),
                ..Default::default()
            },
            "inferenceConfig.temperature",
        ),
    ];
    for (request, path) in cases {
        let found = invalid(&request);
        assert_eq!(found.path, path, "{}", found.reason);
        assert!(!found.reason.contains("nope"), "quotes the value: {}", found.reason);
    }
    let mut request = request(content_block::Member::Text("x".into()));
    request.messages[0].content[1].member = None;
    assert_eq!(invalid(&request).path, "messages[0].content[1]");
}

#[test]
fn members_in_the_path_are_not_in_the_body() {
    let request = ConverseRequest { model_id: Some("m".into()), ..Default::default() };
    assert_eq!(encode(&request), "{}");
}

#[test]
fn required_lists_are_written_when_empty_and_others_are_not() {
    assert_eq!(encode(&ToolResultBlock::default()), r#"{"content":[]}"#);
    assert_eq!(encode(&Message::default()), r#"{"content":[]}"#);
    assert_eq!(
        encode(&ConverseRequest { tool_config: Some(ToolConfiguration::default()), ..Default::default() }),
        r#"{"toolConfig":{"tools":[]}}"#
    );
}

#[test]
fn empty_structures_stay_and_unset_is_not_zero() {
    let request = ConverseRequest { inference_config: Some(InferenceConfiguration::default()), ..Default::default() };
    assert_eq!(encode(&request), r#"{"inferenceConfig":{}}"#);
    let request = ConverseRequest {
        inference_config: Some(InferenceConfiguration {
            temperature: Some(0.0),
            max_tokens: Some(0),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(encode(&request), r#"{"inferenceConfig":{"maxTokens":0,"temperature":0.0}}"#);
}

#[test]
fn null_is_read_as_unset_everywhere() {
    let read: ConverseResponse = decode(
        r#"{"output":{"message":{"role":null,"content":[{"text":"a","image":null},null,{"text":null,"toolUse":{"name":"n","input":null}}]}},"metrics":null,"usage":{"cacheDetails":null,"inputTokens":3}}"#,
    );
    let Some(converse_output::Member::Message(message)) = read.output.unwrap().member else { panic!("no message") };
    assert_eq!(message.role, None);
    assert_eq!(message.content.len(), 2);
    assert_eq!(message.content[0].member, Some(content_block::Member::Text("a".into())));
    let Some(content_block::Member::ToolUse(tool)) = &message.content[1].member else { panic!("no tool use") };
    assert_eq!((tool.name.as_deref(), tool.input_form.as_ref()), (Some("n"), None));
    assert_eq!(read.usage.unwrap().input_tokens, Some(3));
    assert_eq!(decode::<ContentBlock>("{}").member, None);
}

/// Reads `text`, and returns the names of its unknown members too.
fn decode_unknown<T: AwsJson + Default>(text: &str) -> (T, Vec<String>) {
    let mut names = Vec::new();
    let message = json::decode(text.as_bytes(), |name| names.push(name.to_owned())).unwrap();
    (message, names)
}

fn decode_event(event: &str, payload: &str) -> (Option<Event>, Vec<String>) {
    let mut names = Vec::new();
    let member = json::decode_event(event, payload.as_bytes(), |name| names.push(name.to_owned())).unwrap();
    (member, names)
}

#[test]
fn a_union_keeps_an_unknown_member_and_writes_it_back() {
    let text = r#"{"futureBlock":{"z": 1,"a":[12345678901234567890]}}"#;
    let (read, names) = decode_unknown::<ContentBlock>(text);
    assert_eq!(read.member, Some(content_block::Member::Unrecognized(unrecognized(text))));
    assert_eq!(encode(&read), text);
    assert_eq!(names, ["futureBlock"]);
}

#[test]
fn a_structure_keeps_unknown_members_and_writes_them_back() {
    let text = r#"{"name":"n","input":{},"mood":{"z": 1, "a":[12345678901234567890]},"caf\u00e9":1.50}"#;
    let (read, names) = decode_unknown::<ToolUseBlock>(text);
    assert_eq!(read.name.as_deref(), Some("n"));
    assert_eq!(read.unrecognized, Some(unrecognized(r#"{"mood":{"z": 1, "a":[12345678901234567890]},"café":1.50}"#)));
    assert_eq!(encode(&read), text.replace(r"\u00e9", "é"));
    assert_eq!(names, ["mood", "café"]);
}

#[test]
fn a_member_that_an_older_gateway_did_not_know_is_written_by_a_newer_one() {
    let block = ToolUseBlock {
        name: Some("n".into()),
        unrecognized: Some(unrecognized(r#"{"type":"server_tool_use"}"#)),
        ..Default::default()
    };
    assert_eq!(encode(&block), r#"{"name":"n","type":"server_tool_use"}"#);
    let block = ContentBlock { member: Some(content_block::Member::Unrecognized(unrecognized(r#"{"text":"a"}"#))) };
    assert_eq!(encode(&block), r#"{"text":"a"}"#);
}

#[test]
fn unknown_members_are_reported_by_their_path() {
    let text = r#"{"usage":{"inputTokens":1,"serverToolUsage":{"x":1}},"output":{"message":{"content":[{"toolUse":{"mood":"?"}},{"toolUse":{"mood":"!"}}]}},"new":1,"old":null}"#;
    let (_, names) = decode_unknown::<ConverseResponse>(text);
    assert_eq!(
        names,
        ["usage.serverToolUsage", "output.message.content.toolUse.mood", "output.message.content.toolUse.mood", "new"]
    );
}

#[test]
fn an_empty_union_in_a_list_is_left_out() {
    let message: Message = decode(r#"{"content":[{},{"toolUse":null},{"text":"a"}]}"#);
    assert_eq!(encode(&message), r#"{"content":[{"text":"a"}]}"#);
    let block: ImageBlock = decode(r#"{"source":{}}"#);
    assert_eq!(encode(&block), "{}");
}

#[test]
fn events_are_read_by_their_type_and_their_padding_is_left_out() {
    let (known, names) = decode_event("messageStart", r#"{"p":"abc","role":"assistant"}"#);
    let start = MessageStartEvent { role: Some("assistant".into()), ..Default::default() };
    assert_eq!((known, names.len()), (Some(Event::MessageStart(start)), 0));
    let (_, names) = decode_event("metadata", r#"{"usage":{"p":1},"mood":2}"#);
    assert_eq!(names, ["metadata.usage.p", "metadata.mood"]);
}

#[test]
fn an_unknown_event_is_kept_unchanged() {
    let (event, names) = decode_event("futureEvent", r#"{"a": 1,"p":"x"}"#);
    assert_eq!(event, Some(Event::Unrecognized(unrecognized(r#"{"futureEvent":{"a": 1,"p":"x"}}"#))));
    assert_eq!(names, ["futureEvent"]);
}

#[test]
fn an_unknown_event_that_is_not_json_is_skipped_and_counted() {
    let (event, names) = decode_event("futureEvent", "\u{1}binary");
    assert_eq!((event, names), (None, vec!["futureEvent".to_owned()]));
}

#[test]
fn times_are_read_in_every_form_that_smithy_has() {
    for text in
        [r#""2026-01-02T03:04:05.678Z""#, r#""2026-01-02T04:04:05.678+01:00""#, "1767323045.678", r#""1767323045.678""#]
    {
        let job: GetAsyncInvokeResponse = decode(&format!(r#"{{"submitTime":{text}}}"#));
        assert_eq!(encode(&job), r#"{"submitTime":"2026-01-02T03:04:05.678Z"}"#, "{text}");
    }
    for text in [r#""Fri, 02 Jan 2026 03:04:05 GMT""#, "1767323045", "1767323045.0"] {
        let job: GetAsyncInvokeResponse = decode(&format!(r#"{{"submitTime":{text}}}"#));
        assert_eq!(encode(&job), r#"{"submitTime":"2026-01-02T03:04:05Z"}"#, "{text}");
    }
    for wrong in [r#""yesterday""#, "1e300", "true", r#""NaN""#] {
        let text = format!(r#"{{"submitTime":{wrong}}}"#);
        assert!(json::decode::<GetAsyncInvokeResponse>(text.as_bytes(), |_| ()).is_err(), "{wrong}");
    }
}

#[test]
fn numbers_are_read_in_every_spelling_but_never_changed() {
    assert_eq!(decode::<ConverseMetrics>(r#"{"latencyMs":12.0}"#).latency_ms, Some(12));
    assert_eq!(decode::<ConverseMetrics>(r#"{"latencyMs":9007199254740993}"#).latency_ms, Some(9_007_199_254_740_993));
    for wrong in [r#"{"latencyMs":1.5}"#, r#"{"latencyMs":"1"}"#, r#"{"latencyMs":99999999999999999999}"#] {
        assert!(json::decode::<ConverseMetrics>(wrong.as_bytes(), |_| ()).is_err(), "{wrong}");
    }
    assert!(decode::<InferenceConfiguration>(r#"{"temperature":"NaN"}"#).temperature.unwrap().is_nan());
}

#[test]
fn an_error_never_quotes_a_response() {
    for text in [
        r#"{"stopReason":{"secret":1}}"#,
        r#"{"usage":"secret"}"#,
        r#"{"output":{"message":{"content":["secret"]}}}"#,
        "secret",
        "{}secret",
    ] {
        let error = json::decode::<ConverseResponse>(text.as_bytes(), |_| ()).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
