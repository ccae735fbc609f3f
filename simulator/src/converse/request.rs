//! The body of Converse and ConverseStream. Every member is optional here: what is missing is for validation to say,
//! in Bedrock's words.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::content::{CachePointBlock, ContentBlock, SystemContentBlock};
use crate::exception::Exception;
use crate::json::{Members, Text, union};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConverseRequest<'a> {
    #[serde(borrow)]
    pub(crate) messages: Option<Vec<Message<'a>>>,
    pub(crate) system: Option<Vec<SystemContentBlock<'a>>>,
    pub(crate) inference_config: Option<InferenceConfiguration<'a>>,
    pub(crate) tool_config: Option<ToolConfiguration<'a>>,
    pub(crate) guardrail_config: Option<GuardrailConfiguration<'a>>,
    pub(crate) additional_model_request_fields: Option<&'a RawValue>,
    pub(crate) additional_model_response_field_paths: Option<Vec<Text<'a>>>,
    pub(crate) request_metadata: Option<Members<'a, Text<'a>>>,
    pub(crate) performance_config: Option<PerformanceConfiguration<'a>>,
    pub(crate) service_tier: Option<ServiceTier<'a>>,
    pub(crate) output_config: Option<OutputConfig<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    pub(crate) role: Option<Text<'a>>,
    pub(crate) content: Option<Vec<ContentBlock<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InferenceConfiguration<'a> {
    pub(crate) max_tokens: Option<i64>,
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    #[serde(borrow)]
    pub(crate) stop_sequences: Option<Vec<Text<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolConfiguration<'a> {
    #[serde(borrow)]
    pub(crate) tools: Option<Vec<Tool<'a>>>,
    pub(crate) tool_choice: Option<ToolChoice<'a>>,
}

union! {
    Tool<'a> {
        "toolSpec" => ToolSpec(ToolSpecification<'a>),
        "systemTool" => SystemTool(Named<'a>),
        "cachePoint" => CachePoint(CachePointBlock<'a>),
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolSpecification<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
    pub(crate) description: Option<Text<'a>>,
    pub(crate) input_schema: Option<ToolInputSchema<'a>>,
    pub(crate) strict: Option<bool>,
}

union! {
    ToolInputSchema<'a> {
        "json" => Json(&'a RawValue),
    }
}

union! {
    ToolChoice<'a> {
        "auto" => Auto(Members<'a, &'a RawValue>),
        "any" => Any(Members<'a, &'a RawValue>),
        "tool" => Tool(Named<'a>),
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Named<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GuardrailConfiguration<'a> {
    #[serde(borrow)]
    pub(crate) guardrail_identifier: Option<Text<'a>>,
    pub(crate) guardrail_version: Option<Text<'a>>,
    pub(crate) trace: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PerformanceConfiguration<'a> {
    #[serde(borrow)]
    pub(crate) latency: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ServiceTier<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutputConfig<'a> {
    #[serde(borrow)]
    pub(crate) text_format: Option<OutputFormat<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OutputFormat<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Option<Text<'a>>,
    pub(crate) structure: Option<OutputFormatStructure<'a>>,
}

union! {
    OutputFormatStructure<'a> {
        "jsonSchema" => JsonSchema(JsonSchemaDefinition<'a>),
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct JsonSchemaDefinition<'a> {
    /// The schema as text, unlike a tool's.
    #[serde(borrow)]
    pub(crate) schema: Option<Text<'a>>,
}

impl<'a> ConverseRequest<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Exception> {
        crate::json::parse(body)
    }

    pub(crate) fn messages(&self) -> &[Message<'a>] {
        self.messages.as_deref().unwrap_or_default()
    }

    pub(crate) fn tools(&self) -> &[Tool<'a>] {
        let config = self.tool_config.as_ref();
        config.and_then(|config| config.tools.as_deref()).unwrap_or_default()
    }

    /// The content of the last message from the user: what is answered.
    pub(crate) fn last_user_content(&self) -> &[ContentBlock<'a>] {
        let last = self.messages().iter().rfind(|message| message.is("user"));
        last.map_or(&[], |message| message.content())
    }
}

impl<'a> Message<'a> {
    pub(crate) fn is(&self, role: &str) -> bool {
        self.role.as_deref() == Some(role)
    }

    pub(crate) fn content(&self) -> &[ContentBlock<'a>] {
        self.content.as_deref().unwrap_or_default()
    }
}
