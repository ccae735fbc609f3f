//! A Messages request as far as the simulator reads it. Texts stay raw: they are moved, not read.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::is_string;
use crate::exception::Exception;
use crate::invoke_model::Input;
use crate::json::Text;

#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) messages: Vec<Message<'a>>,
    pub(super) system: Vec<Block<'a>>,
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) tool_choice: Option<ToolChoice<'a>>,
    pub(super) max_tokens: Option<i64>,
    pub(super) stop_sequences: Vec<String>,
    pub(super) thinking: Option<&'a RawValue>,
    /// A JSON schema that the answer has to follow.
    pub(super) schema: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) role: Text<'a>,
    #[serde(borrow)]
    content: &'a RawValue,
    /// Of `content`, once it is known to be a list of blocks.
    #[serde(skip)]
    pub(super) blocks: Vec<Block<'a>>,
}

/// A block of any type: the members of all of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) source: Option<Source<'a>>,
    #[serde(borrow)]
    pub(super) title: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tool_use_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    pub(super) is_error: Option<bool>,
    #[serde(borrow)]
    pub(super) thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) cache_control: Option<CacheControl<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Source<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) media_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct CacheControl<'a> {
    #[serde(borrow)]
    pub(super) ttl: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tool<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) description: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) input_schema: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) cache_control: Option<CacheControl<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ToolChoice<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
}

impl<'a> Request<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, Exception> {
        let mut messages: Vec<Message<'a>> = input.list("messages")?.unwrap_or_default();
        for (index, message) in messages.iter_mut().enumerate() {
            message.blocks = blocks(message.content, &format!("messages.{index}.content"))?;
        }
        let system = input.raw("system").map(|raw| blocks(raw, "system")).transpose()?;
        let tool_choice = input.raw("tool_choice").map(|raw| parsed(raw, "tool_choice")).transpose()?;
        let format = match input.object("output_config")? {
            Some(config) => config.object("format")?,
            None => None,
        };
        Ok(Self {
            messages,
            system: system.unwrap_or_default(),
            tools: input.list("tools")?.unwrap_or_default(),
            tool_choice,
            max_tokens: input.integer("max_tokens")?,
            stop_sequences: input.list("stop_sequences")?.unwrap_or_default(),
            thinking: input.raw("thinking"),
            schema: format.and_then(|format| format.raw("schema")),
        })
    }
}

/// The blocks of a content, which may also be one text.
pub(super) fn blocks<'a>(raw: &'a RawValue, path: &str) -> Result<Vec<Block<'a>>, Exception> {
    if is_string(raw) {
        return Ok(vec![Block { text: Some(raw), ..Block::default() }]);
    }
    parsed(raw, path)
}

fn parsed<'a, T: Deserialize<'a>>(raw: &'a RawValue, path: &str) -> Result<T, Exception> {
    serde_json::from_str(raw.get()).map_err(|error| Exception::validation(format!("{path}: {error}")))
}

impl Block<'_> {
    /// A text given as a plain string has no type.
    pub(super) fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or("text")
    }
}
