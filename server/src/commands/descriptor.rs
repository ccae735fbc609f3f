//! `bedrock-grpc descriptor`: the schema as a descriptor set, for programs that cannot use reflection.

use std::collections::HashSet;
use std::io::{IsTerminal as _, Write as _};

use bedrock_grpc_schema::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::cli::DescriptorOptions;

/// Why the descriptor set could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum DescriptorError {
    /// Standard output is a terminal.
    #[error("the descriptor set is binary: use --output FILE, or redirect standard output")]
    Terminal,
    /// The file cannot be written.
    #[error("cannot write the descriptor set: {0}")]
    Write(#[from] std::io::Error),
    /// The embedded schema is not a descriptor set.
    #[error("the embedded schema is invalid: {0}")]
    Schema(#[from] prost::DecodeError),
}

/// Writes every file of the schema, and `google.rpc`'s error details, so that a transcoder can print them.
///
/// # Errors
/// [`DescriptorError`].
pub(super) fn write_descriptor_set(options: &DescriptorOptions) -> Result<(), DescriptorError> {
    let bytes = descriptor_set()?.encode_to_vec();
    match &options.output {
        Some(path) => std::fs::write(path, bytes)?,
        None if std::io::stdout().is_terminal() => return Err(DescriptorError::Terminal),
        None => std::io::stdout().write_all(&bytes)?,
    }
    Ok(())
}

/// Each file once. A file comes after the files that it imports, as protobuf's readers require.
fn descriptor_set() -> Result<FileDescriptorSet, prost::DecodeError> {
    let mut files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET)?.file;
    files.extend(FileDescriptorSet::decode(tonic_types::pb::FILE_DESCRIPTOR_SET)?.file);
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.name().to_owned()));
    let mut sorted = Vec::with_capacity(files.len());
    while !files.is_empty() {
        let written: HashSet<String> =
            sorted.iter().map(|file: &prost_types::FileDescriptorProto| file.name().to_owned()).collect();
        let names: HashSet<String> = files.iter().map(|file| file.name().to_owned()).collect();
        let (ready, waiting): (Vec<_>, Vec<_>) = files
            .into_iter()
            .partition(|file| file.dependency.iter().all(|name| written.contains(name) || !names.contains(name)));
        // A circle of imports is not valid protobuf; protoc has rejected it long before.
        if ready.is_empty() {
            sorted.extend(waiting);
            break;
        }
        sorted.extend(ready);
        files = waiting;
    }
    Ok(FileDescriptorSet { file: sorted })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::descriptor_set;

    #[test]
    fn descriptor_set_contains_each_file_once_after_its_imports() {
        let mut seen = HashSet::new();
        for file in descriptor_set().unwrap().file {
            for import in &file.dependency {
                assert!(seen.contains(import), "{} comes before its import {import}", file.name());
            }
            assert!(seen.insert(file.name().to_owned()), "{} is there twice", file.name());
        }
        assert!(seen.contains("bedrock/runtime/v1/bedrock_runtime_service.proto"));
        assert!(seen.iter().any(|name| name.ends_with("error_details.proto")));
    }
}
