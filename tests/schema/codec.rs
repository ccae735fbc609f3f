//! What AWS's JSON and protobuf disagree about, case by case.

use bedrock_grpc_schema::json;
use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::document::Form;
use bedrock_grpc_schema::runtime::v1::*;
use prost_types::value::Kind;

fn encode<T: serde::Serialize>(message: &T) -> String {
    String::from_utf8(json::encode(message, 0).unwrap().to_vec()).unwrap()
}

fn decode<T: serde::de::DeserializeOwned>(text: &str) -> T {
    json::decode(text.as_bytes(), |name| panic!("unknown {name}")).unwrap()
}

fn invalid<T: serde::Serialize>(message: &T) -> json::Invalid {
    json::encode(message, 0).unwrap_err()
}

fn exact(text: &str) -> Document {
    Document { form: Some(Form::Json(text.to_owned())) }
}

fn value(kind: Kind) -> prost_types::Value {
    prost_types::Value { kind: Some(kind) }
}

fn request(block: content_block::Member) -> ConverseRequest {
    let content = vec![
        ContentBlock { member: Some(content_block::Member::Text("Hi".into())) },
        ContentBlock { member: Some(block) },
    ];
    let messages = vec![Message { role: Some("user".into()), content }];
    ConverseRequest { model_id: Some("m".into()), messages, ..Default::default() }
}

fn tool_use(input: Document) -> content_block::Member {
    content_block::Member::ToolUse(ToolUseBlock { input: Some(input), ..Default::default() })
}

#[test]
fn a_document_is_written_and_read_word_for_word() {
    let text = r#"{ "z":1, "a" : [1.0, 12345678901234567890, 1e400], "é":"\u00e9" }"#;
    assert_eq!(encode(&exact(text)), text);
    let read: ToolUseBlock = decode(&format!(r#"{{"input":{text}}}"#));
    assert_eq!(read.input, Some(exact(text)));
}

#[test]
fn a_value_is_written_sorted_and_integers_as_integers() {
    let fields = [
        ("z", value(Kind::NumberValue(3.0))),
        ("a", value(Kind::NumberValue(0.5))),
        ("m", value(Kind::NumberValue(-9_007_199_254_740_992.0))),
        ("big", value(Kind::NumberValue(1e300))),
        ("n", value(Kind::NullValue(0))),
        ("l", value(Kind::ListValue(prost_types::ListValue { values: vec![value(Kind::BoolValue(true))] }))),
    ];
    let fields = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    let document = Document { form: Some(Form::Value(value(Kind::StructValue(prost_types::Struct { fields })))) };
    assert_eq!(encode(&document), r#"{"a":0.5,"big":1e+300,"l":[true],"m":-9007199254740992,"n":null,"z":3}"#);
}

#[test]
fn a_bad_request_is_refused_with_the_fields_path() {
    let cases = [
        (request(tool_use(exact("{nope"))), "messages[0].content[1].toolUse.input"),
        (request(tool_use(exact(""))), "messages[0].content[1].toolUse.input"),
        (request(tool_use(Document { form: None })), "messages[0].content[1].toolUse.input"),
        (
            request(tool_use(Document { form: Some(Form::Value(value(Kind::NumberValue(f64::NAN)))) })),
            "messages[0].content[1].toolUse.input",
        ),
        (
            request(content_block::Member::Image(ImageBlock {
                source: Some(ImageSource { member: None }),
                ..Default::default()
            })),
            "messages[0].content[1].image.source",
        ),
        (request(content_block::Member::Unrecognized(exact("[1]"))), "messages[0].content[1]"),
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
fn what_aws_binds_to_the_path_is_not_in_the_body() {
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
fn null_is_absent_wherever_it_stands() {
    let read: ConverseResponse = decode(
        r#"{"output":{"message":{"role":null,"content":[{"text":"a","image":null},null,{"text":null,"toolUse":{"name":"n","input":null}}]}},"metrics":null,"usage":{"cacheDetails":null,"inputTokens":3}}"#,
    );
    let Some(converse_output::Member::Message(message)) = read.output.unwrap().member else { panic!("no message") };
    assert_eq!(message.role, None);
    assert_eq!(message.content.len(), 2);
    assert_eq!(message.content[0].member, Some(content_block::Member::Text("a".into())));
    let Some(content_block::Member::ToolUse(tool)) = &message.content[1].member else { panic!("no tool use") };
    assert_eq!((tool.name.as_deref(), tool.input.as_ref()), (Some("n"), None));
    assert_eq!(read.usage.unwrap().input_tokens, Some(3));
    assert_eq!(decode::<ContentBlock>("{}").member, None);
}

#[test]
fn a_union_keeps_an_unknown_member_word_for_word_and_gives_it_back() {
    let text = r#"{"futureBlock":{"z": 1,"a":[12345678901234567890]}}"#;
    let read: ContentBlock = decode(text);
    assert_eq!(read.member, Some(content_block::Member::Unrecognized(exact(text))));
    assert_eq!(encode(&read), text);
}

#[test]
fn unknown_members_of_structures_are_told_by_name() {
    let mut names = Vec::new();
    let text = br#"{"usage":{"inputTokens":1,"serverToolUsage":{"x":1}},"output":{"message":{"content":[{"toolUse":{"mood":"?"}},{"toolUse":{"mood":"!"}}]}},"new":1}"#;
    let _: ConverseResponse = json::decode(text, |name| names.push(name.to_owned())).unwrap();
    assert_eq!(
        names,
        ["usage.serverToolUsage", "output.message.content.toolUse.mood", "output.message.content.toolUse.mood", "new"]
    );
}

#[test]
fn events_are_read_by_their_type_and_padding_is_not_counted() {
    let known =
        json::decode_event::<Event>("messageStart", br#"{"p":"abc","role":"assistant"}"#, |name| panic!("{name}"))
            .unwrap();
    assert_eq!(known, Some(Event::MessageStart(MessageStartEvent { role: Some("assistant".into()) })));
    let unknown = json::decode_event::<Event>("futureEvent", br#"{"a": 1,"p":"x"}"#, |name| panic!("{name}")).unwrap();
    assert_eq!(unknown, Some(Event::Unrecognized(exact(r#"{"futureEvent":{"a": 1,"p":"x"}}"#))));
    let mut names = Vec::new();
    json::decode_event::<Event>("metadata", br#"{"usage":{"p":1},"mood":2}"#, |name| names.push(name.to_owned()))
        .unwrap();
    assert_eq!(names, ["metadata.usage.p", "metadata.mood"]);
}

#[test]
fn numbers_are_read_leniently_but_never_changed() {
    assert_eq!(decode::<ConverseMetrics>(r#"{"latencyMs":12.0}"#).latency_ms, Some(12));
    assert_eq!(decode::<ConverseMetrics>(r#"{"latencyMs":9007199254740993}"#).latency_ms, Some(9_007_199_254_740_993));
    for wrong in [r#"{"latencyMs":1.5}"#, r#"{"latencyMs":"1"}"#, r#"{"latencyMs":99999999999999999999}"#] {
        assert!(json::decode::<ConverseMetrics>(wrong.as_bytes(), |_| ()).is_err(), "{wrong}");
    }
    assert!(decode::<InferenceConfiguration>(r#"{"temperature":"NaN"}"#).temperature.unwrap().is_nan());
}

#[test]
fn an_error_never_quotes_an_answer() {
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
