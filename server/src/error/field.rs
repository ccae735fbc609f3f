//! Finds the field path in the message of a ValidationException. Bedrock writes such paths in several ways.

/// The first names of field paths in Bedrock's messages. Any other word with dots in it is a model id or a number.
const ROOTS: &[&str] = &[
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "tools",
    "guardrailConfig",
    "additionalModelRequestFields",
    "promptVariables",
    "additionalModelResponseFieldPaths",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
    "output_config",
    "modelId",
];

/// Finds the field path and writes it in one form, for example `messages[0].content[1]`. Bedrock writes
/// `... at 'messages' failed ...`, `... at messages.0.content.1 is blank` and `... input request: #/messages/2/content/0: ...`.
pub(super) fn find_field_path(message: &str) -> Option<String> {
    message.split_whitespace().find_map(|word| {
        let word = word.trim_start_matches("#/").trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != ']');
        let mut segments = word.split(['.', '/', '[']).map(|s| s.trim_end_matches(']')).filter(|s| !s.is_empty());
        let root = segments.next().filter(|root| ROOTS.contains(root))?;
        // A single word may be prose ("the messages"). Only a path, or a word in quotes, is a field.
        if word.len() == root.len() && !message.contains(&format!("'{root}'")) {
            return None;
        }
        Some(segments.fold(root.to_owned(), |path, segment| {
            if segment.bytes().all(|b| b.is_ascii_digit()) {
                format!("{path}[{segment}]")
            } else {
                format!("{path}.{segment}")
            }
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::find_field_path;

    #[test]
    fn field_path_is_found_in_every_spelling_of_bedrock() {
        for (message, field) in [
            ("1 validation error detected: Value null at 'messages' failed to satisfy constraint", Some("messages")),
            (
                "Value '5.0' at 'inferenceConfig.temperature' failed to satisfy constraint",
                Some("inferenceConfig.temperature"),
            ),
            (
                "The text field in the ContentBlock object at messages.0.content.1 is blank.",
                Some("messages[0].content[1]"),
            ),
            (
                "Malformed input request: #/messages/2/content/0: extraneous key [toolResult]",
                Some("messages[2].content[0]"),
            ),
            (
                "errors: messages.2.content.2.document.source.type: Field required",
                Some("messages[2].content[2].document.source.type"),
            ),
            ("The model us.amazon.nova-lite-v1:0 takes no such messages", None),
            ("The provided model identifier is invalid.", None),
        ] {
            assert_eq!(find_field_path(message).as_deref(), field, "{message}");
        }
    }
}
