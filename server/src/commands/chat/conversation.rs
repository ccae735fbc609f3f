//! The conversation of a chat. It is saved as a request of ConverseStream, in AWS JSON.

use std::path::Path;

use bedrock_grpc_client::build::{system, user};
use bedrock_grpc_client::v1::{ConverseStreamRequest, InferenceConfiguration, Message, SystemContentBlock};
use bedrock_grpc_client::v1::{content_block, system_content_block};
use bedrock_grpc_schema::json;

use crate::cli::ChatOptions;
use crate::commands::connection::{CommandError, read_file};

/// A conversation with its model and its settings.
pub(super) struct Conversation {
    request: ConverseStreamRequest,
}

impl Conversation {
    /// A new conversation, or the one of `--load`.
    pub(super) fn new(options: &ChatOptions) -> Result<Self, CommandError> {
        let mut conversation = Self { request: ConverseStreamRequest::default() };
        conversation.set_model(options.model.clone());
        if let Some(path) = &options.load {
            conversation.load(path)?;
        }
        if let Some(text) = &options.system {
            conversation.set_system(text);
        }
        if let Some(max_tokens) = options.max_tokens {
            let config = conversation.request.inference_config.get_or_insert_with(InferenceConfiguration::default);
            config.max_tokens = Some(max_tokens);
        }
        Ok(conversation)
    }

    /// The request of the next turn.
    pub(super) fn request(&self) -> ConverseStreamRequest {
        self.request.clone()
    }

    pub(super) fn model(&self) -> &str {
        self.request.model_id()
    }

    pub(super) fn set_model(&mut self, model: String) {
        self.request.model_id = Some(model);
    }

    /// The text of the system prompt.
    pub(super) fn system(&self) -> String {
        let texts = self.request.system.iter().filter_map(|block| match &block.member {
            Some(system_content_block::Member::Text(text)) => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// Sets the system prompt. An empty text removes it.
    pub(super) fn set_system(&mut self, text: &str) {
        let block: Option<SystemContentBlock> = (!text.is_empty()).then(|| system(text));
        self.request.system = block.into_iter().collect();
    }

    pub(super) fn push_user(&mut self, text: String) {
        self.push(user(text));
    }

    pub(super) fn push(&mut self, message: Message) {
        self.request.messages.push(message);
    }

    /// Removes the last prompt and everything after it.
    pub(super) fn remove_last_turn(&mut self) {
        while let Some(message) = self.request.messages.pop() {
            if is_prompt(&message) {
                return;
            }
        }
    }

    /// Removes all messages. The model, the system prompt and the settings are kept.
    pub(super) fn clear(&mut self) {
        self.request.messages.clear();
    }

    /// Writes the conversation to a file.
    pub(super) fn save(&self, path: &Path) -> Result<(), CommandError> {
        let body = json::encode(&self.request, 0).map_err(|error| CommandError::Usage(error.to_string()))?;
        // The codec leaves out `modelId`, because AWS has it in the path.
        let model = serde_json::to_string(self.model()).map_err(|error| CommandError::Usage(error.to_string()))?;
        let members = body.strip_prefix(b"{").unwrap_or_default();
        let separator: &[u8] = if members == b"}" { b"" } else { b"," };
        let text = [b"{\"modelId\":", model.as_bytes(), separator, members, b"\n"].concat();
        std::fs::write(path, text).map_err(|source| CommandError::File { path: path.to_owned(), source })
    }

    /// Replaces the conversation by the one of a file. If the file names a model, the chat uses it.
    pub(super) fn load(&mut self, path: &Path) -> Result<(), CommandError> {
        let text = read_file(path)?;
        let mut request: ConverseStreamRequest = json::decode(&text, |_| ())
            .map_err(|error| CommandError::Usage(format!("{} is {error}", path.display())))?;
        if request.model_id.is_none() {
            request.model_id = self.request.model_id.take();
        }
        self.request = request;
        Ok(())
    }
}

/// Whether a user typed the message. Results of tools are user messages too.
fn is_prompt(message: &Message) -> bool {
    let is_result = |block: &_| {
        matches!(block, bedrock_grpc_client::v1::ContentBlock { member: Some(content_block::Member::ToolResult(_)) })
    };
    message.role() == "user" && !message.content.iter().any(is_result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bedrock_grpc_client::build::{assistant, tool_result_text};

    fn conversation() -> Conversation {
        let mut conversation = Conversation { request: ConverseStreamRequest::default() };
        conversation.set_model("m".to_owned());
        conversation
    }

    #[test]
    fn saved_conversation_is_loaded_again() {
        let path = std::env::temp_dir().join(format!("bedrock-grpc-chat-{}.json", std::process::id()));
        let mut saved = conversation();
        saved.set_system("Be brief.");
        saved.push_user("Hi".to_owned());
        saved.push(assistant("Hello"));
        saved.save(&path).unwrap();
        let mut loaded = conversation();
        loaded.set_model("other".to_owned());
        let outcome = loaded.load(&path);
        std::fs::remove_file(&path).unwrap();
        outcome.unwrap();
        assert_eq!((loaded.request(), loaded.system().as_str()), (saved.request(), "Be brief."));
    }

    #[test]
    fn last_turn_is_removed_with_its_tool_results() {
        let mut conversation = conversation();
        conversation.push_user("one".to_owned());
        conversation.push(assistant("1"));
        conversation.push_user("two".to_owned());
        conversation.push(assistant("calls a tool"));
        conversation.push(user(tool_result_text("t1", "2")));
        conversation.remove_last_turn();
        assert_eq!(conversation.request().messages, [user("one"), assistant("1")]);
    }
}
