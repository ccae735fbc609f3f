//! Compiles proto/ to Rust: prost's messages, tonic's services, the descriptor set for reflection, and the codec that makes
//! each message, written as JSON, Bedrock's own JSON.

#[path = "build/codec.rs"]
mod codec;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Lists that AWS marks required: written even when empty (`toolResult.content: []`). Any other empty list is left out.
/// tests/aws_model.rs holds this against AWS's model.
const REQUIRED_LISTS: &[&str] = &[
    "ApplyGuardrailRequest.content",
    "ApplyGuardrailResponse.outputs",
    "ApplyGuardrailResponse.assessments",
    "GuardrailChecksContentFilterConfig.categories",
    "GuardrailChecksContentFilterResult.results",
    "GuardrailChecksMessage.content",
    "GuardrailChecksPromptAttackConfig.categories",
    "GuardrailChecksPromptAttackResult.results",
    "GuardrailChecksSensitiveInformationConfig.entities",
    "GuardrailChecksSensitiveInformationResult.results",
    "GuardrailContentPolicyAssessment.filters",
    "GuardrailSensitiveInformationPolicyAssessment.pii_entities",
    "GuardrailSensitiveInformationPolicyAssessment.regexes",
    "GuardrailTopicPolicyAssessment.topics",
    "GuardrailWordPolicyAssessment.custom_words",
    "GuardrailWordPolicyAssessment.managed_word_lists",
    "InvokeGuardrailChecksRequest.messages",
    "Message.content",
    "SearchResultBlock.content",
    "ToolConfiguration.tools",
    "ToolResultBlock.content",
];

/// Members that AWS binds to the path, and so are no part of the JSON body. (InvokeModel's messages and those of the two
/// GETs have no JSON body at all.)
const NOT_IN_BODY: &[&str] = &[
    "ApplyGuardrailRequest.guardrail_identifier",
    "ApplyGuardrailRequest.guardrail_version",
    "ConverseRequest.model_id",
    "ConverseStreamRequest.model_id",
    "CountTokensRequest.model_id",
];

/// What a descriptor does not say.
const FACTS: codec::Facts = codec::Facts { required_lists: REQUIRED_LISTS, not_in_body: NOT_IN_BODY };

/// Packages whose messages stand for no AWS shape.
const SHARED_PACKAGES: &[&str] = &["bedrock.type.v1"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-changed=proto");
    let mut files = Vec::new();
    find_protos(Path::new("proto"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true).open_files(files)?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    fs::write(out.join("descriptor_set.bin"), compiler.encode_file_descriptor_set())?;

    let set = compiler.file_descriptor_set();
    let mut codecs = BTreeMap::<String, String>::new();
    for file in
        set.file.iter().filter(|f| f.package().starts_with("bedrock.") && !SHARED_PACKAGES.contains(&f.package()))
    {
        for message in &file.message_type {
            *codecs.entry(file.package().to_owned()).or_default() += &codec::write_message(message, &FACTS)?;
        }
    }
    for (package, code) in codecs {
        fs::write(out.join(format!("{package}.json.rs")), code)?;
    }
    tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        .emit_rerun_if_changed(false)
        // An RPC that AWS adds must not break whoever implements the service, as tests do.
        .generate_default_stubs(true)
        .compile_fds(set)?;
    Ok(())
}

fn find_protos(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_protos(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            found.push(path);
        }
    }
    Ok(())
}
