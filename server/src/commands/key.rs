//! `bedrock-grpc key`: API keys for callers.

use std::io::Write as _;

use crate::callers::NewKey;
use crate::cli::KeyCommand;

/// Why no key was created.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    Random,
    /// Standard output cannot be written.
    #[error("cannot write the key: {0}")]
    Write(#[from] std::io::Error),
}

/// Creates a key and prints it once.
///
/// # Errors
/// [`KeyError`].
pub(super) fn run_key(KeyCommand::New: &KeyCommand) -> Result<(), KeyError> {
    let NewKey { key, identity } = NewKey::generate().ok_or(KeyError::Random)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "# The key. It is not shown again. Callers send it as x-api-key, or as authorization: Bearer KEY.")?;
    writeln!(out, "{key}")?;
    writeln!(out, "# The line for `identity` of the caller. It does not contain the key.")?;
    writeln!(out, "\"{identity}\"")?;
    Ok(())
}
