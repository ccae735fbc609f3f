//! Tools, and the pairing of toolUse and toolResult blocks across turns.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::converse::content::ContentBlock;
use crate::converse::request::{ConverseRequest, Message, OutputFormatStructure, Tool, ToolChoice, ToolInputSchema};
use crate::exception::Exception;
use crate::json::{Members, Text};

/// The one member of a schema that Bedrock looks at.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
}

pub(super) fn check(request: &ConverseRequest<'_>) -> Result<(), Exception> {
    declarations(request)?;
    text_format(request)?;
    let blocks = || request.messages().iter().flat_map(|message| message.content());
    let used = blocks().any(|block| matches!(block, ContentBlock::ToolUse(_) | ContentBlock::ToolResult(_)));
    if used && request.tool_config.is_none() {
        return refuse("The toolConfig field must be defined when using toolUse and toolResult content blocks.");
    }
    let mut asked: Vec<&str> = Vec::new();
    for (index, message) in request.messages().iter().enumerate() {
        if message.is("user") {
            answered(message, index, &asked)?;
            asked.clear();
        } else if message.is("assistant") {
            asked = calls(message);
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    expected(request.messages().len(), &asked)
}

fn declarations(request: &ConverseRequest<'_>) -> Result<(), Exception> {
    let mut names: Vec<&str> = Vec::new();
    for (index, tool) in request.tools().iter().enumerate() {
        let path = format!("toolConfig.tools.{index}");
        match tool {
            Tool::Empty => {
                return refuse(format!(
                    "The Tool object at {path} must set one of the following keys: {}.",
                    Tool::MEMBERS.join(", ")
                ));
            }
            Tool::ToolSpec(tool) => {
                if let Some(ToolInputSchema::Json(schema)) = &tool.input_schema {
                    input_schema(schema, &path)?;
                }
                let name = tool.name.as_deref().unwrap_or_default();
                if names.contains(&name) {
                    return refuse(format!("The tool {name} is already defined at {path}. Tool names must be unique."));
                }
                names.push(name);
            }
            Tool::SystemTool(tool) => names.extend(tool.name.as_deref()),
            Tool::CachePoint(_) | Tool::Unrecognized => {}
        }
    }
    let choice = request.tool_config.as_ref().and_then(|config| config.tool_choice.as_ref());
    match choice {
        Some(ToolChoice::Tool(named)) if !named.name.as_deref().is_some_and(|name| names.contains(&name)) => {
            refuse(format!(
                "The toolChoice field names the tool {}, which is not defined in the tools field.",
                named.name.as_deref().unwrap_or_default()
            ))
        }
        _ => Ok(()),
    }
}

fn input_schema(schema: &RawValue, path: &str) -> Result<(), Exception> {
    if serde_json::from_str::<Members<'_, &RawValue>>(schema.get()).is_err() {
        return refuse(format!("The value at {path}.toolSpec.inputSchema.json must be an object."));
    }
    let kind = serde_json::from_str::<Typed<'_>>(schema.get()).ok().and_then(|schema| schema.kind);
    match kind.as_deref() {
        Some("object") => Ok(()),
        _ => {
            refuse(format!("The value at {path}.toolSpec.inputSchema.json.type must be one of the following: object."))
        }
    }
}

/// Unlike a tool's, this schema is JSON in a string.
fn text_format(request: &ConverseRequest<'_>) -> Result<(), Exception> {
    let format = request.output_config.as_ref().and_then(|config| config.text_format.as_ref());
    let Some(OutputFormatStructure::JsonSchema(definition)) = format.and_then(|format| format.structure.as_ref())
    else {
        return Ok(());
    };
    let schema = definition.schema.as_deref().unwrap_or_default();
    match serde_json::from_str::<Members<'_, &RawValue>>(schema) {
        Ok(_) => Ok(()),
        Err(_) => refuse("The value at outputConfig.textFormat.structure.jsonSchema.schema must be a JSON schema."),
    }
}

/// The calls that a user's turn has to answer; those of server tools are answered by Bedrock.
fn calls<'a>(message: &'a Message<'_>) -> Vec<&'a str> {
    let calls = message.content().iter().filter_map(|block| match block {
        ContentBlock::ToolUse(tool) if tool.kind.as_deref() != Some("server_tool_use") => tool.tool_use_id.as_deref(),
        _ => None,
    });
    calls.collect()
}

fn answered(message: &Message<'_>, index: usize, asked: &[&str]) -> Result<(), Exception> {
    let results: Vec<&str> = message
        .content()
        .iter()
        .filter_map(|block| match block {
            ContentBlock::ToolResult(result) => result.tool_use_id.as_deref(),
            _ => None,
        })
        .collect();
    if results.len() > asked.len() {
        return refuse(format!(
            "The number of toolResult blocks at messages.{index}.content exceeds the number of toolUse blocks of \
             previous turn."
        ));
    }
    let missing: Vec<&str> = asked.iter().copied().filter(|id| !results.contains(id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    expected(index, &missing)
}

fn expected(index: usize, ids: &[&str]) -> Result<(), Exception> {
    refuse(format!("Expected toolResult blocks at messages.{index}.content for the following Ids: {}", ids.join(", ")))
}

fn refuse(message: impl Into<std::borrow::Cow<'static, str>>) -> Result<(), Exception> {
    Err(Exception::validation(message))
}
