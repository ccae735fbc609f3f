//! Amazon Titan: text in two versions, and text with a picture.

use serde_json::{Map, Value, json};

use crate::exception::Exception;
use crate::invoke_model::Input;
use crate::invoke_model::made::{Made, Maker};
use crate::invoke_model::vectors::Vector;
use crate::json::Text;
use crate::tokens;

pub(crate) const V1: Maker = v1;
pub(crate) const V2: Maker = v2;
pub(crate) const MULTIMODAL: Maker = multimodal;

fn v1(_: &str, input: &Input<'_>) -> Result<Made, Exception> {
    let text = input_text(input)?;
    input.only(&["inputText"])?;
    Ok(made(json!({ "embedding": Vector::of_text(&text, 1_536).floats() }), &text))
}

fn v2(_: &str, input: &Input<'_>) -> Result<Made, Exception> {
    let text = input_text(input)?;
    input.only(&["inputText", "dimensions", "normalize", "embeddingTypes"])?;
    let dimensions = input.one_size_of("dimensions", &[256, 512, 1_024], 1_024)?;
    let vector = Vector::of_text(&text, dimensions);
    let floats = match input.flag("normalize")? {
        Some(false) => vector.long_floats(),
        _ => vector.floats(),
    };
    let kinds: Option<Vec<Text<'_>>> = input.list("embeddingTypes")?;
    let kinds = kinds.unwrap_or_else(|| vec![Text("float".into())]);
    let mut answer = json!({});
    let mut by_type = Map::new();
    for kind in &kinds {
        match &**kind {
            "float" => {
                answer["embedding"] = floats.clone();
                by_type.insert("float".to_owned(), floats.clone());
            }
            "binary" => {
                by_type.insert("binary".to_owned(), vector.bits());
            }
            other => return Err(input.malformed("embeddingTypes", &format!("{other} is not a valid enum value"))),
        }
    }
    answer["embeddingsByType"] = Value::Object(by_type);
    Ok(made(answer, &text))
}

fn multimodal(_: &str, input: &Input<'_>) -> Result<Made, Exception> {
    input.only(&["inputText", "inputImage", "embeddingConfig"])?;
    let config = input.object("embeddingConfig")?;
    let dimensions = match config {
        Some(config) => config.one_size_of("outputEmbeddingLength", &[256, 384, 1_024], 1_024)?,
        None => 1_024,
    };
    let (text, image) = (input.text("inputText")?, input.text("inputImage")?);
    let of_text = text.as_ref().map(|text| Vector::of_text(text, dimensions));
    let of_image = image.as_ref().map(|image| Vector::of_media(image, dimensions));
    let vector = match (of_text, of_image) {
        (Some(text), Some(image)) => text.with(&image),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Err(input.malformed("", "required key [inputText] or [inputImage] not found")),
    };
    let mut answer = json!({ "embedding": vector.floats() });
    answer["message"] = Value::Null;
    Ok(made(answer, text.as_deref().unwrap_or_default()))
}

fn input_text<'a>(input: &Input<'a>) -> Result<Text<'a>, Exception> {
    let text = input.required_text("inputText")?;
    if text.is_empty() {
        return Err(input.malformed("inputText", "expected minLength: 1, actual: 0"));
    }
    Ok(text)
}

fn made(mut answer: Value, text: &str) -> Made {
    let tokens = tokens::count(text);
    answer["inputTextTokenCount"] = json!(tokens);
    Made { body: answer.to_string(), input_tokens: Some(tokens) }
}
