//! Nova's multimodal embeddings: one text, picture, video or recording at a time.

use serde_json::{Value, json};

use crate::exception::Exception;
use crate::invoke_model::Input;
use crate::invoke_model::made::{Made, Maker};
use crate::invoke_model::vectors::Vector;
use crate::tokens;

pub(crate) const NOVA: Maker = embed;

const PURPOSES: &[&str] = &[
    "GENERIC_INDEX",
    "GENERIC_RETRIEVAL",
    "TEXT_RETRIEVAL",
    "IMAGE_RETRIEVAL",
    "VIDEO_RETRIEVAL",
    "DOCUMENT_RETRIEVAL",
    "AUDIO_RETRIEVAL",
    "CLASSIFICATION",
    "CLUSTERING",
];
const DIMENSIONS: &[usize] = &[256, 384, 1_024, 3_072];

fn embed(_: &str, input: &Input<'_>) -> Result<Made, Exception> {
    input.only(&["schemaVersion", "taskType", "singleEmbeddingParams"])?;
    input.one_of("schemaVersion", &["nova-multimodal-embed-v1"])?;
    let task = input.required_text("taskType")?;
    match &*task {
        "SINGLE_EMBEDDING" => {}
        "SEGMENTED_EMBEDDING" => {
            return Err(Exception::validation("The task type SEGMENTED_EMBEDDING needs asynchronous invocation."));
        }
        other => return Err(input.malformed("taskType", &format!("{other} is not a valid enum value"))),
    }
    let params = input.required("singleEmbeddingParams", input.object("singleEmbeddingParams")?)?;
    params.only(&["embeddingPurpose", "embeddingDimension", "text", "image", "video", "audio"])?;
    params.required("embeddingPurpose", params.one_of("embeddingPurpose", PURPOSES)?)?;
    let dimensions = params.one_size_of("embeddingDimension", DIMENSIONS, 3_072)?;
    let mut given = ["text", "image", "video", "audio"].into_iter().filter(|name| params.has(name));
    let (Some(name), None) = (given.next(), given.next()) else {
        return Err(params.malformed("", "exactly one of [text, image, video, audio] is required"));
    };
    let content = params.required(name, params.object(name)?)?;
    let (embeddings, tokens) = match name {
        "text" => text(&content, dimensions)?,
        "video" => (video(&content, dimensions)?, 0),
        other => (vec![media(&content, dimensions, &other.to_uppercase())?], 0),
    };
    Ok(Made { body: json!({ "embeddings": embeddings }).to_string(), input_tokens: Some(tokens) })
}

/// A text in place, or one in S3, whose address has to stand for it.
fn text(content: &Input<'_>, dimensions: usize) -> Result<(Vec<Value>, usize), Exception> {
    content.required("truncationMode", content.one_of("truncationMode", &["NONE", "START", "END"])?)?;
    match content.text("value")? {
        Some(value) if value.is_empty() => Err(content.malformed("value", "expected minLength: 1, actual: 0")),
        Some(value) => {
            let embedding = one("TEXT", &Vector::of_text(&value, dimensions));
            Ok((vec![embedding], tokens::count(&value)))
        }
        None => Ok((vec![media(content, dimensions, "TEXT")?], 0)),
    }
}

fn media(content: &Input<'_>, dimensions: usize, kind: &str) -> Result<Value, Exception> {
    let source = content.required("source", content.raw("source"))?;
    Ok(one(kind, &Vector::of_media(source.get(), dimensions)))
}

/// A video's picture and sound together, or a vector each.
fn video(content: &Input<'_>, dimensions: usize) -> Result<Vec<Value>, Exception> {
    let mode = content.one_of("embeddingMode", &["AUDIO_VIDEO_COMBINED", "AUDIO_VIDEO_SEPARATE"])?;
    match content.required("embeddingMode", mode.as_deref())? {
        "AUDIO_VIDEO_SEPARATE" => {
            let source = content.required("source", content.raw("source"))?;
            let sound = Vector::of_media(&format!("sound of {}", source.get()), dimensions);
            Ok(vec![media(content, dimensions, "VIDEO")?, one("AUDIO", &sound)])
        }
        combined => Ok(vec![media(content, dimensions, combined)?]),
    }
}

fn one(kind: &str, vector: &Vector) -> Value {
    json!({ "embeddingType": kind, "embedding": vector.floats() })
}
