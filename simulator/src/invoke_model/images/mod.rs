//! Models that make pictures.

mod picture;

use serde_json::{Value, json};

use super::input::Input;
use super::made::{Made, Maker};
use crate::exception::Exception;

pub(crate) const AMAZON: Maker = amazon;
pub(crate) const STABILITY: Maker = stability;

/// Task types of Titan Image Generator and Nova Canvas, and the member that goes with each.
const TASKS: &[(&str, &str)] = &[
    ("TEXT_IMAGE", "textToImageParams"),
    ("IMAGE_VARIATION", "imageVariationParams"),
    ("INPAINTING", "inPaintingParams"),
    ("OUTPAINTING", "outPaintingParams"),
    ("COLOR_GUIDED_GENERATION", "colorGuidedGenerationParams"),
    ("BACKGROUND_REMOVAL", "backgroundRemovalParams"),
];
const MAX_IMAGES: i64 = 5;

fn amazon(_: &str, input: &Input<'_>) -> Result<Made, Exception> {
    let task = input.required_text("taskType")?;
    let Some((task, params)) = TASKS.iter().find(|(name, _)| *name == &*task) else {
        return Err(input.malformed("taskType", &format!("{} is not a valid enum value", &*task)));
    };
    input.only(&["taskType", params, "imageGenerationConfig"])?;
    let raw = input.required(params, input.raw(params))?;
    let subject = input.required(params, input.object(params)?)?;
    // What a picture shows is its text, where it has one: two requests that ask for the same get the same.
    let subject = match *task {
        "TEXT_IMAGE" => subject.required_text("text")?.to_string(),
        _ => raw.get().to_owned(),
    };
    let config = input.object("imageGenerationConfig")?;
    let number = |name: &str| config.as_ref().map_or(Ok(None), |config| config.integer(name));
    let count = number("numberOfImages")?.unwrap_or(1);
    if !(1..=MAX_IMAGES).contains(&count) {
        return Err(Exception::validation(format!(
            "Malformed input request: #/imageGenerationConfig/numberOfImages: {count} is not between 1 and \
             {MAX_IMAGES}, please reformat your input and try again."
        )));
    }
    let seed = number("seed")?.unwrap_or(12);
    let images: Value = (0..count).map(|index| picture::base64_png(&[&subject, &(seed + index).to_string()])).collect();
    made(json!({ "images": images, "error": null }))
}

fn stability(_: &str, input: &Input<'_>) -> Result<Made, Exception> {
    let prompt = input.required_text("prompt")?;
    if prompt.is_empty() {
        return Err(input.malformed("prompt", "expected minLength: 1, actual: 0"));
    }
    // These models also write JPEG and WebP; the simulator does not.
    input.one_of("output_format", &["png"])?;
    input.one_of("mode", &["text-to-image", "image-to-image"])?;
    let seed = input.integer("seed")?.unwrap_or(12);
    let image = picture::base64_png(&[&prompt, &seed.to_string()]);
    made(json!({ "seeds": [seed], "finish_reasons": [null], "images": [image] }))
}

fn made(answer: Value) -> Result<Made, Exception> {
    Ok(Made { body: answer.to_string(), input_tokens: None })
}
