//! Prints responses: one line of AWS JSON per message.

use std::io::Write as _;

use bedrock_grpc_client::tonic::metadata::{KeyAndValueRef, MetadataMap};
use bedrock_grpc_schema::json::{self, AwsJson, Invalid};

use crate::commands::connection::CommandError;

/// Standard output for messages, standard error for metadata.
pub(super) struct Output {
    verbose: bool,
}

impl Output {
    pub(super) fn new(verbose: bool) -> Self {
        Self { verbose }
    }

    /// Prints the initial metadata, if the user wants it.
    pub(super) fn print_metadata(&self, metadata: &MetadataMap) -> Result<(), CommandError> {
        if !self.verbose {
            return Ok(());
        }
        let mut stderr = std::io::stderr().lock();
        for entry in metadata.iter() {
            if let KeyAndValueRef::Ascii(key, value) = entry {
                writeln!(stderr, "{}: {}", key.as_str(), value.to_str().unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// Prints a message.
    pub(super) fn print_message<T: AwsJson>(&self, message: &T) -> Result<(), CommandError> {
        self.print_text(json::encode(message, 0).map(Into::into))
    }

    /// Prints AWS JSON, and flushes it so that each event of a stream is visible at once.
    pub(super) fn print_text(&self, text: Result<Vec<u8>, Invalid>) -> Result<(), CommandError> {
        let mut text = text.map_err(|error| CommandError::Usage(format!("the response cannot be written: {error}")))?;
        text.push(b'\n');
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(&text)?;
        Ok(stdout.flush()?)
    }
}
