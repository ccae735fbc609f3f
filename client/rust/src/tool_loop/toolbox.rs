//! Functions that a model can call, with the JSON Schema of their input.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bedrock_grpc_schema::runtime::v1::{ContentBlock, Tool, tool};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::build::{tool, tool_result_json, tool_result_text};

/// Functions that a model can call.
///
/// The model sees them in the order in which they are added. Keep the order: the tools come first in a prompt cache.
#[derive(Clone, Default)]
pub struct Toolbox {
    definitions: Vec<Tool>,
    functions: HashMap<String, ToolFunction>,
}

/// Takes the input as JSON text. Returns the output, or the error text for the model.
type ToolFunction = Arc<dyn Fn(String) -> BoxFuture<'static, Result<ToolOutput, String>> + Send + Sync>;

/// The output of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolOutput {
    /// Plain text.
    Text(String),
    /// The text of a JSON object.
    JsonObject(String),
}

impl Toolbox {
    /// Returns a toolbox without tools.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an async function. The type of its argument gives the JSON Schema of the input: derive
    /// [`schemars::JsonSchema`] and [`serde::Deserialize`]. Doc comments of the fields become descriptions. The properties are
    /// in alphabetical order.
    ///
    /// A tool with the same name is replaced. An input that does not fit the type, an error, and a panic are reported to the model as an error of the tool. The output
    /// is sent as JSON if it is an object, and as text otherwise, because Bedrock accepts only objects as JSON.
    #[must_use]
    pub fn with_tool<I, O, E, F>(
        self,
        name: impl Into<String>,
        description: impl Into<String>,
        function: impl Fn(I) -> F + Send + Sync + 'static,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema,
        O: Serialize,
        E: fmt::Display,
        F: Future<Output = Result<O, E>> + Send + 'static,
    {
        let function = Arc::new(function);
        self.with_raw_tool(name, description, input_schema::<I>(), move |input: String| {
            let function = Arc::clone(&function);
            async move {
                let input = serde_json::from_str(&input)
                    .map_err(|error| format!("The input does not fit the tool's schema: {error}"))?;
                let output = function(input).await.map_err(|error| error.to_string())?;
                ToolOutput::from_value(&output)
            }
        })
    }

    /// Adds an async function that takes the input as JSON text. `schema` is the JSON Schema of the input as text, with
    /// `"type": "object"`. Bedrock receives it unchanged. A tool with the same name is replaced.
    #[must_use]
    pub fn with_raw_tool<E, F>(
        mut self,
        name: impl Into<String>,
        description: impl Into<String>,
        schema: impl Into<String>,
        function: impl Fn(String) -> F + Send + Sync + 'static,
    ) -> Self
    where
        E: fmt::Display,
        F: Future<Output = Result<ToolOutput, E>> + Send + 'static,
    {
        let name = name.into();
        let definition = tool(name.clone(), description, schema);
        match self.definitions.iter_mut().find(|definition| name_of(definition) == Some(&name)) {
            // Bedrock rejects two tools with one name.
            Some(existing) => *existing = definition,
            None => self.definitions.push(definition),
        }
        let function = Arc::new(function);
        let run = move |input: String| {
            let function = Arc::clone(&function);
            // The call itself is inside the future, so that a panic in it is caught too.
            async move { function(input).await.map_err(|error| error.to_string()) }.boxed()
        };
        self.functions.insert(name, Arc::new(run));
        self
    }

    /// The definitions for `tool_config`, in order.
    #[must_use]
    pub fn definitions(&self) -> Vec<Tool> {
        self.definitions.clone()
    }

    /// The names of the tools, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.functions.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Starts a tool. `None` if there is no tool with this name.
    pub(super) fn start(&self, name: &str, input: String) -> Option<BoxFuture<'static, Result<ToolOutput, String>>> {
        self.functions.get(name).map(|function| function(input))
    }
}

impl ToolOutput {
    /// The output for a value: JSON for an object, text for the others.
    fn from_value(value: &impl Serialize) -> Result<Self, String> {
        let json = serde_json::to_string(value).map_err(|error| format!("The output is not valid JSON: {error}"))?;
        if json.starts_with('{') {
            return Ok(Self::JsonObject(json));
        }
        Ok(Self::Text(serde_json::from_str::<String>(&json).unwrap_or(json)))
    }

    /// The result block for the tool use with this ID.
    pub(super) fn into_result(self, tool_use_id: &str) -> ContentBlock {
        match self {
            Self::Text(text) => tool_result_text(tool_use_id, text),
            Self::JsonObject(json) => tool_result_json(tool_use_id, json),
        }
    }
}

impl fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

fn name_of(tool: &Tool) -> Option<&str> {
    match tool.member.as_ref()? {
        tool::Member::ToolSpec(spec) => spec.name.as_deref(),
        _ => None,
    }
}

/// The JSON Schema of a type, without references: some models do not resolve `$ref`.
fn input_schema<I: JsonSchema>() -> String {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<I>().as_value().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only the schema is used")]
    struct TravelRequest {
        /// Where the trip starts.
        from: Location,
        to: Option<Location>,
    }

    #[derive(serde::Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only the schema is used")]
    struct Location {
        city: String,
    }

    #[test]
    fn schema_of_a_type_has_descriptions_and_required_fields_and_no_references() {
        let schema: serde_json::Value = serde_json::from_str(&input_schema::<TravelRequest>()).unwrap();
        assert_eq!((&schema["type"], &schema["required"]), (&"object".into(), &serde_json::json!(["from"])));
        assert_eq!(schema["properties"]["from"]["description"], "Where the trip starts.");
        assert_eq!(schema["properties"]["from"]["properties"]["city"]["type"], "string");
        assert!(!schema.to_string().contains("$ref") && schema.get("$schema").is_none(), "{schema}");
    }

    #[tokio::test]
    async fn tool_with_the_same_name_replaces_the_earlier_one_in_its_place() {
        let output = |text: &'static str| move |_| async move { Ok::<_, String>(ToolOutput::Text(text.to_owned())) };
        let toolbox = Toolbox::new()
            .with_raw_tool("a", "first", "{}", output("1"))
            .with_raw_tool("b", "second", "{}", output("2"))
            .with_raw_tool("a", "third", "{}", output("3"));
        let definitions = toolbox.definitions();
        assert_eq!(definitions.iter().filter_map(name_of).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(definitions[0], tool("a", "third", "{}"));
        let result = toolbox.start("a", "{}".to_owned()).unwrap().await;
        assert_eq!(result, Ok(ToolOutput::Text("3".to_owned())));
    }

    #[test]
    fn objects_are_json_and_other_outputs_are_text() {
        let output = |value: serde_json::Value| ToolOutput::from_value(&value).unwrap();
        assert_eq!(output(serde_json::json!({"a": 1})), ToolOutput::JsonObject(r#"{"a":1}"#.to_owned()));
        assert_eq!(output(serde_json::json!("18 \"C\"")), ToolOutput::Text("18 \"C\"".to_owned()));
        assert_eq!(output(serde_json::json!([1, 2])), ToolOutput::Text("[1,2]".to_owned()));
    }
}
