//! A body of any dialect, said again as Converse would say it: there is one brain, and it reads Converse's JSON.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::settings::Settings;

/// The members of a Converse request in order. Documents stay the raw text that they were, so that a tool's arguments
/// follow the order of its schema.
#[derive(Debug, Default)]
pub(crate) struct Conversation(Vec<(&'static str, Box<RawValue>)>);

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: [Said<'a>; 1],
}

#[derive(Serialize)]
struct Said<'a> {
    text: &'a str,
}

/// Converse's `inferenceConfig`. The numbers of sampling change nothing here.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_tokens: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stop_sequences: Vec<String>,
}

impl Conversation {
    /// One message from the user.
    pub(crate) fn of(prompt: &str) -> Self {
        Self::default().with("messages", &[Turn { role: "user", content: [Said { text: prompt }] }])
    }

    /// With one more member, unless there is nothing in it.
    #[must_use]
    pub(crate) fn with<T: Serialize + ?Sized>(mut self, name: &'static str, value: &T) -> Self {
        // What is written here has strings for keys, the one thing that could fail.
        if let Ok(raw) = to_raw_value(value)
            && raw.get() != "null"
        {
            self.0.push((name, raw));
        }
        self
    }

    #[must_use]
    pub(crate) fn with_limits(self, limits: &Limits) -> Self {
        // InvokeModel's answers say at which sequence they stopped; Converse's only do when asked.
        self.with("inferenceConfig", limits).with("additionalModelResponseFieldPaths", &["/stop_sequence"])
    }

    #[must_use]
    pub(crate) fn with_settings(self, settings: &Settings) -> Self {
        self.with("guardrailConfig", &settings.guardrail)
    }

    /// The body of a Converse request.
    pub(crate) fn into_body(self) -> Vec<u8> {
        let mut body = String::from("{");
        for (name, value) in &self.0 {
            if body.len() > 1 {
                body.push(',');
            }
            body.extend(["\"", name, "\":", value.get()]);
        }
        body.push('}');
        body.into_bytes()
    }
}
