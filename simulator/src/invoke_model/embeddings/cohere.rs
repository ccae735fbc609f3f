//! Cohere Embed 3 and 4: several texts or pictures at once.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::exception::Exception;
use crate::invoke_model::Input;
use crate::invoke_model::made::{Made, Maker};
use crate::invoke_model::vectors::Vector;
use crate::json::Text;
use crate::noise::uuid;
use crate::tokens;

pub(crate) const V3: Maker = |model_id, input| {
    input.only(&["texts", "images", "input_type", "truncate", "embedding_types"])?;
    let dimensions = if model_id.contains("-light-") { 384 } else { 1_024 };
    // Without a choice of types, version 3 answers a plain list.
    embed(model_id, input, dimensions, !input.has("embedding_types"))
};

pub(crate) const V4: Maker = |model_id, input| {
    let known =
        ["texts", "images", "inputs", "input_type", "truncate", "embedding_types", "output_dimension", "max_tokens"];
    input.only(&known)?;
    let dimensions = input.one_size_of("output_dimension", &[256, 512, 1_024, 1_536], 1_536)?;
    embed(model_id, input, dimensions, false)
};

const INPUT_TYPES: &[&str] = &["search_document", "search_query", "classification", "clustering", "image"];
const MAX_ITEMS: usize = 96;

fn embed(model_id: &str, input: &Input<'_>, dimensions: usize, plain: bool) -> Result<Made, Exception> {
    input.required("input_type", input.one_of("input_type", INPUT_TYPES)?)?;
    input.one_of("truncate", &["NONE", "START", "END", "LEFT", "RIGHT"])?;
    let texts: Option<Vec<Text<'_>>> = input.list("texts")?;
    let images: Option<Vec<Text<'_>>> = input.list("images")?;
    let inputs: Option<Vec<&RawValue>> = input.list("inputs")?;
    let of_media = |content: &str| Vector::of_media(content, dimensions);
    let vectors: Vec<Vector> = match (&texts, &images, &inputs) {
        (Some(texts), None, None) => texts.iter().map(|text| Vector::of_text(text, dimensions)).collect(),
        (None, Some(images), None) => images.iter().map(|image| of_media(image)).collect(),
        (None, None, Some(inputs)) => inputs.iter().map(|mixed| of_media(mixed.get())).collect(),
        (None, None, None) => return Err(input.malformed("", "required key [texts] not found")),
        _ => return Err(Exception::validation("Only one of texts, images and inputs may be given.")),
    };
    if vectors.is_empty() || vectors.len() > MAX_ITEMS {
        return Err(Exception::validation(format!(
            "Malformed input request: #/texts: expected 1 to {MAX_ITEMS} items, found: {}, please reformat your input \
             and try again.",
            vectors.len()
        )));
    }
    let tokens = texts.iter().flatten().map(|text| tokens::count(text)).sum();
    let embeddings = if plain { list(&vectors, Vector::floats) } else { by_type(input, &vectors)? };
    let mut answer = json!({
        "embeddings": embeddings,
        "id": uuid(&[model_id.to_owned(), embeddings_key(&texts, &images)]),
        "response_type": if plain { "embeddings_floats" } else { "embeddings_by_type" },
    });
    if let Some(texts) = &texts {
        // The English model knows no capitals, and says so.
        let lower = model_id.contains("embed-english-v3");
        let echoed = texts.iter().map(|text| if lower { text.to_lowercase() } else { text.to_string() });
        answer["texts"] = echoed.collect();
    }
    Ok(Made { body: answer.to_string(), input_tokens: Some(tokens) })
}

fn by_type(input: &Input<'_>, vectors: &[Vector]) -> Result<Value, Exception> {
    let kinds: Option<Vec<Text<'_>>> = input.list("embedding_types")?;
    let kinds = kinds.unwrap_or_else(|| vec![Text("float".into())]);
    let mut by_type = Map::new();
    for kind in &kinds {
        let list = match &**kind {
            "float" => list(vectors, Vector::floats),
            "int8" => list(vectors, Vector::int8),
            "uint8" => list(vectors, Vector::uint8),
            "binary" => list(vectors, |vector| vector.packed_bits().map(|byte| i16::from(byte) - 128).collect()),
            "ubinary" => list(vectors, |vector| vector.packed_bits().collect()),
            other => return Err(input.malformed("embedding_types", &format!("{other} is not a valid enum value"))),
        };
        by_type.insert(kind.to_string(), list);
    }
    Ok(Value::Object(by_type))
}

fn list(vectors: &[Vector], written: fn(&Vector) -> Value) -> Value {
    vectors.iter().map(written).collect()
}

/// What the answer's id is made from.
fn embeddings_key(texts: &Option<Vec<Text<'_>>>, images: &Option<Vec<Text<'_>>>) -> String {
    texts.iter().chain(images).flatten().map(|text| &**text).collect()
}
