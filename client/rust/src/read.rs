//! Short ways to read an answer.

use crate::Event;
use crate::v1::{
    CitationsContentBlock, ConverseOutput, ConverseResponse, Message, ToolUseBlock, citation_generated_content,
    content_block, content_block_delta, converse_output, reasoning_content_block_delta, tool_use_block::InputForm,
};
use crate::vocabulary::tool_use_type;

/// A tool that the model wants run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolUse<'a> {
    /// The id of the request, to be repeated in the result. Empty if the answer has none.
    pub id: &'a str,
    /// The tool's name. Empty if the answer has none.
    pub name: &'a str,
    /// The arguments as JSON text, normally an object; `{}` if the answer has none.
    pub input: &'a str,
}

/// What one mostly wants of a whole answer.
pub trait ConverseResponseExt: sealed::Sealed {
    /// The generated message, to be appended to the conversation as it is.
    fn message(&self) -> Option<&Message>;

    /// The generated text: all text blocks, and the text of blocks with citations, one after the other. Reasoning is left
    /// out.
    fn text(&self) -> String;

    /// The tools to run before the next call, in order. Each needs a result in the next user message, all of them in the
    /// same one. Tools that Bedrock or the model provider has run itself (`server_tool_use`) are left out.
    fn tool_uses(&self) -> impl Iterator<Item = ToolUse<'_>>;
}

/// What one mostly wants of an event.
pub trait EventExt: sealed::Sealed {
    /// The next fragment of the answer's text, if the event is one.
    fn text_delta(&self) -> Option<&str>;

    /// The next fragment of the model's reasoning, if the event is one.
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
        for member in members(self) {
            match member {
                content_block::Member::Text(part) => text.push_str(part),
                content_block::Member::CitationsContent(cited) => text.extend(generated(cited)),
                _ => {}
            }
        }
        text
    }

    fn tool_uses(&self) -> impl Iterator<Item = ToolUse<'_>> {
        members(self).filter_map(|member| match member {
            content_block::Member::ToolUse(block) if block.r#type() != tool_use_type::SERVER_TOOL_USE => {
                Some(ToolUse { id: block.tool_use_id(), name: block.name(), input: input(block) })
            }
            _ => None,
        })
    }
}

impl EventExt for Event {
    fn text_delta(&self) -> Option<&str> {
        match delta(self)? {
            content_block_delta::Member::Text(text) => Some(text),
            _ => None,
        }
    }

    fn reasoning_delta(&self) -> Option<&str> {
        match delta(self)? {
            content_block_delta::Member::ReasoningContent(reasoning) => match &reasoning.member {
                Some(reasoning_content_block_delta::Member::Text(text)) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }
}

fn members(answer: &ConverseResponse) -> impl Iterator<Item = &content_block::Member> {
    answer.message().into_iter().flat_map(|message| &message.content).filter_map(|block| block.member.as_ref())
}

fn generated(cited: &CitationsContentBlock) -> impl Iterator<Item = &str> {
    cited.content.iter().filter_map(|content| match &content.member {
        Some(citation_generated_content::Member::Text(text)) => Some(text.as_str()),
        _ => None,
    })
}

/// A gateway sends a document as its exact text, unless the metadata asked for values.
fn input(block: &ToolUseBlock) -> &str {
    match &block.input_form {
        Some(InputForm::InputJson(json)) => json,
        _ => "{}",
    }
}

fn delta(event: &Event) -> Option<&content_block_delta::Member> {
    match event {
        Event::ContentBlockDelta(event) => event.delta.as_ref()?.member.as_ref(),
        _ => None,
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for crate::v1::ConverseResponse {}

    impl Sealed for crate::Event {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use bedrock_grpc_schema::json;

    fn answer(content: &str) -> ConverseResponse {
        let body = format!(r#"{{"output":{{"message":{{"role":"assistant","content":{content}}}}}}}"#);
        json::decode(body.as_bytes(), |_| ()).unwrap()
    }

    fn event(name: &str, payload: &str) -> Event {
        json::decode_event(name, payload.as_bytes(), |_| ()).unwrap().unwrap()
    }

    #[test]
    fn the_text_is_all_that_was_generated_but_reasoning() {
        let answer = answer(
            r#"[{"reasoningContent":{"reasoningText":{"text":"hm"}}},{"text":"It is "},
                {"citationsContent":{"content":[{"text":"18 "},{"text":"degrees"}],"citations":[]}},{"text":"."},{"toolUse":{}}]"#,
        );
        assert_eq!(answer.text(), "It is 18 degrees.");
        assert_eq!(answer.message().unwrap().content.len(), 5);
    }

    #[test]
    fn tools_to_run_are_those_that_nobody_has_run() {
        let answer = answer(
            r#"[{"text":"a"},{"toolUse":{"toolUseId":"1","name":"f","input":{"b":1,"a":2}}},
                {"toolUse":{"toolUseId":"2","name":"search","input":{},"type":"server_tool_use"}},
                {"toolUse":{"toolUseId":"3","name":"g","type":"tool_use"}}]"#,
        );
        let uses: Vec<_> = answer.tool_uses().map(|u| (u.id, u.name, u.input)).collect();
        assert_eq!(uses, [("1", "f", r#"{"b":1,"a":2}"#), ("3", "g", "{}")]);
    }

    #[test]
    fn an_answer_without_a_message_has_nothing() {
        let empty = ConverseResponse::default();
        assert_eq!((empty.message(), empty.text().as_str(), empty.tool_uses().count()), (None, "", 0));
    }

    #[test]
    fn fragments_are_told_apart() {
        let text = event("contentBlockDelta", r#"{"delta":{"text":"a"},"contentBlockIndex":0}"#);
        assert_eq!((text.text_delta(), text.reasoning_delta()), (Some("a"), None));
        let reasoning =
            event("contentBlockDelta", r#"{"delta":{"reasoningContent":{"text":"b"}},"contentBlockIndex":0}"#);
        assert_eq!((reasoning.text_delta(), reasoning.reasoning_delta()), (None, Some("b")));
        let stop = event("messageStop", r#"{"stopReason":"end_turn"}"#);
        assert_eq!((stop.text_delta(), stop.reasoning_delta()), (None, None));
    }
}
