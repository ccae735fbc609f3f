//! Short ways to read responses and events.

use std::borrow::Cow;

use bedrock_grpc_schema::json;
use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as Event;
use bedrock_grpc_schema::runtime::v1::{
    CitationsContentBlock, ConverseOutput, ConverseResponse, Message, ToolUseBlock, citation_generated_content,
    content_block, content_block_delta, converse_output, reasoning_content_block_delta, tool_use_block::InputForm,
};

use crate::vocabulary::tool_use_type;

/// The model's request to run a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolUse<'a> {
    /// The ID of the tool use. The result must have the same ID. Empty if the response has none.
    pub id: &'a str,
    /// The tool's name. Empty if the response has none.
    pub name: &'a str,
    /// The input as JSON text, normally an object. `{}` if the response has none.
    pub input: Cow<'a, str>,
}

/// Short ways to read a complete response.
pub trait ConverseResponseExt: sealed::Sealed {
    /// The generated message. Append it unchanged to the conversation.
    fn message(&self) -> Option<&Message>;

    /// The generated text: all text blocks and the text of blocks with citations, joined. Reasoning is not included.
    fn text(&self) -> String;

    /// The tools to run before the next call, in order. The next user message must contain a result for each of them. Tools
    /// that Bedrock or the model provider ran (`server_tool_use`) are not included.
    fn tool_uses(&self) -> impl Iterator<Item = ToolUse<'_>>;
}

/// Short ways to read an event.
pub trait EventExt: sealed::Sealed {
    /// The text fragment, if the event is one.
    fn text_delta(&self) -> Option<&str>;

    /// The reasoning fragment, if the event is one.
    fn reasoning_delta(&self) -> Option<&str>;
}

impl ConverseResponseExt for ConverseResponse {
    fn message(&self) -> Option<&Message> {
        match &self.output {
            Some(ConverseOutput { member: Some(converse_output::Member::Message(message)) }) => Some(message),
            _ => None,
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for member in content_members(self) {
            match member {
                content_block::Member::Text(part) => text.push_str(part),
                content_block::Member::CitationsContent(cited) => text.extend(cited_texts(cited)),
                _ => {}
            }
        }
        text
    }

    fn tool_uses(&self) -> impl Iterator<Item = ToolUse<'_>> {
        content_members(self).filter_map(|member| match member {
            content_block::Member::ToolUse(block) if block.r#type() != tool_use_type::SERVER_TOOL_USE => {
                Some(ToolUse { id: block.tool_use_id(), name: block.name(), input: input_json(block) })
            }
            _ => None,
        })
    }
}

impl EventExt for Event {
    fn text_delta(&self) -> Option<&str> {
        match content_delta(self)? {
            content_block_delta::Member::Text(text) => Some(text),
            _ => None,
        }
    }

    fn reasoning_delta(&self) -> Option<&str> {
        match content_delta(self)? {
            content_block_delta::Member::ReasoningContent(reasoning) => match &reasoning.member {
                Some(reasoning_content_block_delta::Member::Text(text)) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }
}

fn content_members(response: &ConverseResponse) -> impl Iterator<Item = &content_block::Member> {
    response.message().into_iter().flat_map(|message| &message.content).filter_map(|block| block.member.as_ref())
}

fn cited_texts(cited: &CitationsContentBlock) -> impl Iterator<Item = &str> {
    cited.content.iter().filter_map(|content| match &content.member {
        Some(citation_generated_content::Member::Text(text)) => Some(text.as_str()),
        _ => None,
    })
}

/// The gateway sends a document as its exact text. With the request metadata `bedrock-grpc-documents: value` it sends a value.
fn input_json(block: &ToolUseBlock) -> Cow<'_, str> {
    let text = match &block.input_form {
        Some(InputForm::InputJson(json)) => return json.into(),
        // A value that has no JSON, such as NaN, does not come from the gateway.
        Some(InputForm::Input(value)) => json::encode(value, 0).ok(),
        None => None,
    };
    text.and_then(|text| String::from_utf8(text.into()).ok()).map_or("{}".into(), Cow::Owned)
}

fn content_delta(event: &Event) -> Option<&content_block_delta::Member> {
    match event {
        Event::ContentBlockDelta(event) => event.delta.as_ref()?.member.as_ref(),
        _ => None,
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::ConverseResponse {}

    impl Sealed for super::Event {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(content: &str) -> ConverseResponse {
        let body = format!(r#"{{"output":{{"message":{{"role":"assistant","content":{content}}}}}}}"#);
        json::decode(body.as_bytes(), |_| ()).unwrap()
    }

    fn event(name: &str, payload: &str) -> Event {
        json::decode_event(name, payload.as_bytes(), |_| ()).unwrap().unwrap()
    }

    #[test]
    fn text_contains_cited_text_and_no_reasoning() {
        let response = response(
            r#"[{"reasoningContent":{"reasoningText":{"text":"hm"}}},{"text":"It is "},
                {"citationsContent":{"content":[{"text":"18 "},{"text":"degrees"}],"citations":[]}},{"text":"."},{"toolUse":{}}]"#,
        );
        assert_eq!(response.text(), "It is 18 degrees.");
        assert_eq!(response.message().unwrap().content.len(), 5);
    }

    #[test]
    fn tool_uses_leave_out_server_tools() {
        let response = response(
            r#"[{"text":"a"},{"toolUse":{"toolUseId":"1","name":"f","input":{"b":1,"a":2}}},
                {"toolUse":{"toolUseId":"2","name":"search","input":{},"type":"server_tool_use"}},
                {"toolUse":{"toolUseId":"3","name":"g","type":"tool_use"}}]"#,
        );
        let uses: Vec<_> = response.tool_uses().map(|u| (u.id, u.name, u.input)).collect();
        assert_eq!(uses, [("1", "f", r#"{"b":1,"a":2}"#.into()), ("3", "g", "{}".into())]);
    }

    #[test]
    fn input_of_a_tool_that_arrives_as_a_value_is_its_json() {
        let body = br#"{"output":{"message":{"role":"assistant","content":[
            {"toolUse":{"toolUseId":"1","name":"f","input":{"city":"Paris","days":[1,null]}}}]}}}"#;
        let response: ConverseResponse = json::decode_with(json::DocumentForm::Value, body, |_| ()).unwrap();
        assert_eq!(response.tool_uses().next().unwrap().input, r#"{"city":"Paris","days":[1,null]}"#);
    }

    #[test]
    fn empty_response_has_no_message_text_or_tool_use() {
        let empty = ConverseResponse::default();
        assert_eq!((empty.message(), empty.text().as_str(), empty.tool_uses().count()), (None, "", 0));
    }

    #[test]
    fn text_and_reasoning_deltas_are_distinguished() {
        let text = event("contentBlockDelta", r#"{"delta":{"text":"a"},"contentBlockIndex":0}"#);
        assert_eq!((text.text_delta(), text.reasoning_delta()), (Some("a"), None));
        let reasoning =
            event("contentBlockDelta", r#"{"delta":{"reasoningContent":{"text":"b"}},"contentBlockIndex":0}"#);
        assert_eq!((reasoning.text_delta(), reasoning.reasoning_delta()), (None, Some("b")));
        let stop = event("messageStop", r#"{"stopReason":"end_turn"}"#);
        assert_eq!((stop.text_delta(), stop.reasoning_delta()), (None, None));
    }
}
