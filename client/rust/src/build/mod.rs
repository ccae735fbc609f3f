//! Short ways to write the schema's messages. For a member that has no function here, write the message itself.
//!
//! ```
//! use bedrock_grpc_client::build::{assistant, cache_point, text, tool, tool_result_text, user};
//!
//! let conversation = [
//!     user([text("A long document ..."), cache_point(), text("What is the weather in Paris?")]),
//!     assistant("I will look it up."),
//!     user(tool_result_text("tooluse_1", "18 degrees, sunny")),
//! ];
//! let weather = tool("get_weather", "The weather in a city now", r#"{"type": "object", "properties": {"city": {"type": "string"}}}"#);
//! # let _ = (conversation, weather);
//! ```

mod content;
#[cfg(test)]
mod tests;
mod tools;

pub use content::{
    IntoContent, assistant, cache_point, document, image, message, system, system_cache_point, text, user,
};
pub use tools::{tool, tool_cache_point, tool_result_error, tool_result_json, tool_result_text, tools};
