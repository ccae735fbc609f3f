//! Connects the commands `call` and `chat` to a gateway, and prints their errors.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bedrock_grpc_client::tonic::Code;
use bedrock_grpc_client::{Client, Error, RetryPolicy};
use heck::ToShoutySnakeCase as _;

use crate::cli::GatewayConnectionOptions;

/// Why a client command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// The input of the user is wrong.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// The terminal, standard input or standard output failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The call failed.
    #[error("{0}")]
    Call(#[from] Error),
}

/// The exit code of a wrong use, as the parser of the command line has it.
const USAGE_EXIT_CODE: u8 = 2;

/// The exit code of a failed call is this number plus the gRPC status code, as grpcurl has it.
const STATUS_EXIT_CODE: u8 = 64;

/// Opens the connection.
pub(super) async fn connect(options: &GatewayConnectionOptions) -> Result<Client, CommandError> {
    let mut builder = Client::builder(with_scheme(&options.address));
    if let Some(path) = &options.ca {
        builder = builder.ca_certificates(read_file(path)?);
    }
    if let (Some(certificate), Some(key)) = (&options.certificate, &options.key) {
        builder = builder.client_certificate(read_file(certificate)?, read_file(key)?);
    }
    if let Some(token) = &options.token {
        builder = builder.bearer_token(token);
    }
    if let Some(key) = &options.api_key {
        builder = builder.api_key(key);
    }
    for entry in &options.metadata {
        let (key, value) = entry
            .split_once('=')
            .ok_or_else(|| CommandError::Usage("--metadata takes KEY=VALUE, for example traceparent=00-...".into()))?;
        builder = builder.metadata(key, value);
    }
    if let Some(deadline) = options.deadline {
        builder = builder.timeout(deadline);
    }
    if options.no_retry {
        builder = builder.retry_policy(RetryPolicy::disabled());
    }
    Ok(builder.connect().await?)
}

/// Adds `http://` to an address without a scheme.
fn with_scheme(address: &str) -> String {
    if address.contains("://") || address.starts_with("unix:") {
        address.to_owned()
    } else {
        format!("http://{address}")
    }
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path).map_err(|source| CommandError::File { path: path.to_owned(), source })
}

/// Prints an error to standard error.
pub(super) fn print_error(error: &CommandError) {
    let mut stderr = std::io::stderr().lock();
    let lines = match error {
        CommandError::Call(error) => call_error_lines(error),
        other => vec![format!("error: {other}")],
    };
    for line in lines {
        // Standard error may be closed. There is no other place for the text.
        _ = writeln!(stderr, "{line}");
    }
}

/// The exit code for an error.
pub(super) fn exit_code(error: &CommandError) -> ExitCode {
    match error {
        CommandError::Usage(_) => ExitCode::from(USAGE_EXIT_CODE),
        CommandError::File { .. } | CommandError::Io(_) => ExitCode::FAILURE,
        CommandError::Call(error) => {
            let code = u8::try_from(i32::from(error.status())).unwrap_or_default();
            ExitCode::from(STATUS_EXIT_CODE + code)
        }
    }
}

fn call_error_lines(error: &Error) -> Vec<String> {
    let code = status_name(error.status());
    let mut lines = vec![match error.reason() {
        Some(reason) => format!("error: {code} ({reason}): {}", error.message()),
        None => format!("error: {code}: {}", error.message()),
    }];
    let mut source = std::error::Error::source(error);
    while let (true, Some(cause)) = (error.reason().is_none(), source) {
        lines.push(format!("  caused by: {cause}"));
        source = cause.source();
    }
    lines.extend(error.field_violations().iter().map(|field| format!("  {}: {}", field.field, field.description)));
    lines.extend(error.quota_violations().iter().map(|quota| format!("  quota: {}", quota.description)));
    lines.extend(error.retry_delay().map(|delay| format!("  retry in {delay:?}")));
    lines.extend(error.request_id().map(|id| format!("  Bedrock's request id: {id}")));
    lines
}

/// The name of a status code, for example `RESOURCE_EXHAUSTED`.
fn status_name(code: Code) -> String {
    format!("{code:?}").to_shouty_snake_case()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_without_a_scheme_gets_http() {
        for (address, expected) in [
            ("localhost:50051", "http://localhost:50051"),
            ("https://gateway", "https://gateway"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
        ] {
            assert_eq!(with_scheme(address), expected);
        }
    }
}
