//! `bedrock-grpc call`: one call of an operation, with AWS JSON in and out.

mod invoke_model;
mod members;
mod operation;
mod output;
mod request;

use super::connection::{CommandError, connect};
use crate::cli::CallOptions;
use output::Output;
use request::RequestText;

/// Runs one call. Prints each message of the response as one line of AWS JSON.
pub(super) async fn call(options: CallOptions) -> Result<(), CommandError> {
    let client = connect(&options.connection).await?;
    let request = RequestText::new(options.operation, options.data.as_deref(), options.model);
    match operation::run(options.operation, &client, request, &Output::new(options.verbose)).await {
        // The reader of the pipe has closed it. This is not an error.
        Err(CommandError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}
