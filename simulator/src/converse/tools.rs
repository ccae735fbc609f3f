//! Whether a tool is called, and which.

use super::content::ContentBlock;
use super::request::{ConverseRequest, Tool, ToolChoice, ToolInputSchema, ToolSpecification};
use crate::schema;

/// Words of three letters and more that say nothing about what a tool is for.
const INSIGNIFICANT: &[&str] = &[
    "about", "and", "any", "are", "call", "can", "current", "for", "from", "function", "get", "gets", "give", "given",
    "gives", "has", "have", "how", "into", "its", "make", "name", "need", "not", "one", "please", "return", "returns",
    "set", "that", "the", "their", "this", "tool", "use", "used", "uses", "user", "using", "value", "what", "when",
    "which", "will", "with", "you", "your",
];

/// A call that the model decides on.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: String,
    /// JSON text.
    pub(super) input: String,
}

/// The calls for the user's text, by the request's toolChoice:
///
/// - `any`: the first tool that the conversation has not called yet, or else the first. `tool`: the one named.
/// - `auto` or none: every tool whose full name the text holds, in order of declaration; if there is none, the tool
///   with the most words of its name and description in the text, if any has one.
pub(super) fn calls(request: &ConverseRequest<'_>, user_text: &str) -> Vec<Call> {
    let tools = || {
        request.tools().iter().filter_map(|tool| match tool {
            Tool::ToolSpec(tool) => Some(tool),
            _ => None,
        })
    };
    let choice = request.tool_config.as_ref().and_then(|config| config.tool_choice.as_ref());
    let chosen: Vec<_> = match choice {
        Some(ToolChoice::Any(_)) => {
            let is_new = |tool: &&ToolSpecification<'_>| !is_called(request, tool.name.as_deref());
            tools().find(is_new).or_else(|| tools().next()).into_iter().collect()
        }
        Some(ToolChoice::Tool(named)) => tools().filter(|tool| tool.name == named.name).collect(),
        _ => {
            let text = user_text.to_lowercase();
            let named: Vec<_> = tools().filter(|tool| tool.is_named_in(&text)).collect();
            if named.is_empty() { best(tools(), &text).into_iter().collect() } else { named }
        }
    };
    chosen.into_iter().map(|tool| tool.call(user_text)).collect()
}

/// Whether the request's toolChoice forces a call.
pub(super) fn is_forced(request: &ConverseRequest<'_>) -> bool {
    let choice = request.tool_config.as_ref().and_then(|config| config.tool_choice.as_ref());
    matches!(choice, Some(ToolChoice::Any(_) | ToolChoice::Tool(_)))
}

/// Whether the conversation has called a tool of this name.
fn is_called(request: &ConverseRequest<'_>, name: Option<&str>) -> bool {
    let mut blocks = request.messages().iter().flat_map(|message| message.content());
    blocks.any(|block| matches!(block, ContentBlock::ToolUse(tool) if tool.name.as_deref() == name))
}

/// The first of those with the most words in the text.
fn best<'a, 'b: 'a>(
    tools: impl Iterator<Item = &'a ToolSpecification<'b>>,
    text: &str,
) -> Option<&'a ToolSpecification<'b>> {
    let mut best = None;
    let mut most = 0;
    for tool in tools {
        let words = tool.words_in(text);
        if words > most {
            (best, most) = (Some(tool), words);
        }
    }
    best
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 2 && !INSIGNIFICANT.contains(word))
}

impl ToolSpecification<'_> {
    fn is_named_in(&self, lower_text: &str) -> bool {
        let name = self.name.as_deref().unwrap_or_default().to_lowercase();
        let mut words = lower_text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
        words.any(|word| word == name)
    }

    fn words_in(&self, lower_text: &str) -> usize {
        let name = self.name.as_deref().unwrap_or_default();
        let description = self.description.as_deref().unwrap_or_default();
        let about = format!("{name} {description}").to_lowercase();
        words(lower_text).filter(|word| words(&about).any(|other| other == *word)).count()
    }

    fn call(&self, user_text: &str) -> Call {
        let input = match &self.input_schema {
            Some(ToolInputSchema::Json(schema)) => schema::example(schema, user_text),
            _ => "{}".to_owned(),
        };
        Call { name: self.name.as_deref().unwrap_or_default().to_owned(), input }
    }
}
