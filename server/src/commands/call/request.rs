//! The request of `call`: from the command line, a file or standard input to a message.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use bedrock_grpc_schema::json::{self, AwsJson};

use super::invoke_model;
use super::members::{Members, to_raw};
use crate::cli::Operation;
use crate::commands::connection::{CommandError, read_file};

/// The request as the user gave it.
pub(super) struct RequestText<'a> {
    operation: Operation,
    data: Option<&'a str>,
    model: Option<String>,
}

impl<'a> RequestText<'a> {
    pub(super) fn new(operation: Operation, data: Option<&'a str>, model: Option<String>) -> Self {
        Self { operation, data, model }
    }

    /// The model of `--model`.
    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Reads the request as a message. Warns about members that the schema does not know; they are sent unchanged.
    pub(super) fn decode<T: AwsJson + Default>(&self) -> Result<T, CommandError> {
        let text = self.add_options(&self.read()?)?;
        let mut unknown = Vec::new();
        let message = json::decode(text.as_bytes(), |member| unknown.push(member.to_owned()))
            .map_err(|error| CommandError::Usage(format!("the request is {error}")))?;
        if !unknown.is_empty() {
            let mut stderr = std::io::stderr().lock();
            let names = unknown.join(", ");
            _ = std::io::Write::write_fmt(
                &mut stderr,
                format_args!("warning: the schema does not know {names}; sent unchanged\n"),
            );
        }
        Ok(message)
    }

    fn read(&self) -> Result<String, CommandError> {
        let bytes = match self.data {
            Some(data) => match data.strip_prefix('@') {
                Some("-") => read_stdin()?,
                Some(path) => read_file(Path::new(path))?,
                None => data.as_bytes().to_vec(),
            },
            None if std::io::stdin().is_terminal() => b"{}".to_vec(),
            None => read_stdin()?,
        };
        let text = String::from_utf8(bytes).map_err(|_| CommandError::Usage("the request is not UTF-8".into()))?;
        Ok(if text.trim().is_empty() { "{}".to_owned() } else { text })
    }

    /// Adds the model of the command line, and writes a JSON body of InvokeModel as base64.
    fn add_options(&self, text: &str) -> Result<String, CommandError> {
        let has_body = matches!(self.operation, Operation::InvokeModel | Operation::InvokeModelWithResponseStream);
        if self.model.is_none() && !has_body {
            return Ok(text.to_owned());
        }
        let mut members: Members = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            CommandError::Usage(format!("the request is not a JSON object, at line {line} column {column}"))
        })?;
        if has_body {
            members = invoke_model::encode_body(members, text)?;
        }
        if let Some(model) = &self.model
            && !members.contains_key("modelId")
        {
            members.insert("modelId".to_owned(), to_raw(model)?);
        }
        serde_json::to_string(&members).map_err(|error| CommandError::Usage(error.to_string()))
    }
}

fn read_stdin() -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bedrock_grpc_schema::runtime::v1::{ConverseRequest, InvokeModelRequest};

    fn decode<T: AwsJson + Default>(operation: Operation, data: &str, model: Option<&str>) -> Result<T, CommandError> {
        RequestText::new(operation, Some(data), model.map(str::to_owned)).decode()
    }

    #[test]
    fn model_of_the_command_line_is_used_when_the_request_has_none() {
        let request: ConverseRequest = decode(Operation::Converse, "{}", Some("m")).unwrap();
        assert_eq!(request.model_id(), "m");
        let request: ConverseRequest = decode(Operation::Converse, r#"{"modelId":"n"}"#, Some("m")).unwrap();
        assert_eq!(request.model_id(), "n");
    }

    #[test]
    fn body_of_invoke_model_is_json_or_base64_or_the_whole_request() {
        let json = r#"{"b":1.0,"a":2}"#;
        for data in [
            format!(r#"{{"modelId":"m","body":{json}}}"#),
            r#"{"modelId":"m","body":"eyJiIjoxLjAsImEiOjJ9"}"#.to_owned(),
            json.to_owned(),
        ] {
            let request: InvokeModelRequest = decode(Operation::InvokeModel, &data, Some("m")).unwrap();
            assert_eq!((request.body(), request.model_id()), (json.as_bytes(), "m"), "{data}");
        }
    }

    #[test]
    fn request_that_is_not_json_is_a_usage_error_with_its_position() {
        let error = decode::<ConverseRequest>(Operation::Converse, "{\"secret\" 1}", None).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("line 1 column 11") && !text.contains("secret"), "{text}");
    }
}
