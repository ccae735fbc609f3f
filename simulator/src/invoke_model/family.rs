//! Which family of models an id belongs to, and so which bodies it takes.

use super::dialect::Dialect;
use super::input::Input;
use super::made::Maker;
use super::{anthropic, chat, embeddings, images, nova, prompts};
use crate::exception::Exception;
use crate::model_id::base_name;

/// Whose bodies a model takes.
#[derive(Clone, Copy)]
pub(crate) enum Family {
    /// A model that talks: its bodies are a conversation in some dialect.
    Talks(&'static dyn Dialect),
    /// A model that makes vectors or pictures.
    Makes(Maker),
}

use Family::{Makes, Talks};

impl Family {
    /// By the model id; where an ARN does not tell (an application inference profile), by the members of the body.
    pub(crate) fn of(model_id: &str, input: &Input<'_>) -> Result<Self, Exception> {
        // A fault's way is to answer everything, as Anthropic's models would.
        if model_id.starts_with("fault.") {
            return Ok(Talks(&anthropic::Anything));
        }
        let family = base_name(model_id).and_then(|name| by_name(name, input));
        let family = family.or_else(|| if model_id.starts_with("arn:") { by_body(input) } else { None });
        family.ok_or_else(|| match model_id.starts_with("arn:") {
            true => Exception::validation(
                "Malformed input request: the simulator knows no model family that takes this body for an ARN that \
                 names no model, please reformat your input and try again.",
            ),
            false => Exception::validation("The provided model identifier is invalid."),
        })
    }
}

/// Name's beginning, a member that the body has to have (if any), family: the first row that fits counts.
static BY_NAME: &[(&str, &str, Family)] = &[
    ("anthropic.", "prompt", Talks(&prompts::CLAUDE)),
    ("anthropic.", "", Talks(&anthropic::Messages)),
    ("amazon.titan-embed-text-v1", "", Makes(embeddings::titan::V1)),
    ("amazon.titan-embed-g1-text", "", Makes(embeddings::titan::V1)),
    ("amazon.titan-embed-text", "", Makes(embeddings::titan::V2)),
    ("amazon.titan-embed-image", "", Makes(embeddings::titan::MULTIMODAL)),
    ("amazon.titan-image", "", Makes(images::AMAZON)),
    ("amazon.titan", "", Talks(&prompts::TITAN)),
    ("amazon.nova-2-multimodal-embeddings", "", Makes(embeddings::nova::NOVA)),
    ("amazon.nova-canvas", "", Makes(images::AMAZON)),
    ("amazon.nova", "", Talks(&nova::Nova)),
    ("cohere.embed-v4", "", Makes(embeddings::cohere::V4)),
    ("cohere.embed", "", Makes(embeddings::cohere::V3)),
    ("cohere.command-r", "", Talks(&prompts::COMMAND_R)),
    ("cohere.command", "", Talks(&prompts::COMMAND)),
    ("stability.", "", Makes(images::STABILITY)),
    ("meta.", "", Talks(&prompts::LLAMA)),
    ("ai21.j2", "", Talks(&prompts::JURASSIC)),
    ("mistral.", "prompt", Talks(&prompts::MISTRAL)),
    ("deepseek.", "prompt", Talks(&prompts::DEEPSEEK)),
    ("ai21.jamba", "", Talks(&chat::Chat)),
    ("deepseek.", "", Talks(&chat::Chat)),
    ("google.gemma", "", Talks(&chat::Chat)),
    ("minimax.", "", Talks(&chat::Chat)),
    ("mistral.", "", Talks(&chat::Chat)),
    ("moonshot", "", Talks(&chat::Chat)),
    ("nvidia.", "", Talks(&chat::Chat)),
    ("openai.", "", Talks(&chat::Chat)),
    ("qwen.", "", Talks(&chat::Chat)),
    ("zai.", "", Talks(&chat::Chat)),
];

/// Video comes from StartAsyncInvoke, speech from the bidirectional stream.
const NOT_INVOKED: &[&str] = &["amazon.nova-reel", "amazon.nova-sonic", "amazon.nova-2-sonic"];

/// The members that only one family's bodies have.
static BY_BODY: &[(&str, Family)] = &[
    ("anthropic_version", Talks(&anthropic::Messages)),
    ("textGenerationConfig", Talks(&prompts::TITAN)),
    ("singleEmbeddingParams", Makes(embeddings::nova::NOVA)),
    ("textToImageParams", Makes(images::AMAZON)),
    ("inputImage", Makes(embeddings::titan::MULTIMODAL)),
    ("embeddingConfig", Makes(embeddings::titan::MULTIMODAL)),
    ("inputText", Makes(embeddings::titan::V2)),
    ("output_dimension", Makes(embeddings::cohere::V4)),
    ("input_type", Makes(embeddings::cohere::V3)),
    ("schemaVersion", Talks(&nova::Nova)),
    ("inferenceConfig", Talks(&nova::Nova)),
    ("max_gen_len", Talks(&prompts::LLAMA)),
];

fn by_name(name: &str, input: &Input<'_>) -> Option<Family> {
    if NOT_INVOKED.iter().any(|prefix| name.starts_with(prefix)) {
        return None;
    }
    let fits = |prefix: &str, member: &str| name.starts_with(prefix) && (member.is_empty() || input.has(member));
    let row = BY_NAME.iter().find(|(prefix, member, _)| fits(prefix, member));
    row.map(|(_, _, family)| *family)
}

fn by_body(input: &Input<'_>) -> Option<Family> {
    BY_BODY.iter().find(|(member, _)| input.has(member)).map(|(_, family)| *family)
}
