//! InvokeModel and InvokeModelWithResponseStream: bodies that are the model's own.
//!
//! A request is admitted (its model id may ask for a fault), its headers and body are read, and the model's family is
//! found. A family that talks translates the body into Converse's, lets the same stand-in for a model answer, and says
//! the answer in its own dialect; the others make vectors or pictures.

mod anthropic;
mod chat;
mod conversation;
mod counts;
mod dialect;
mod embeddings;
mod extras;
mod family;
mod images;
mod input;
mod made;
mod nova;
mod prompts;
mod settings;
mod vectors;

use std::sync::Arc;

use axum::extract::{Path, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::answer::{JSON, Outcome};
use crate::converse::{self, ConverseRequest, Turn};
use crate::exception::Exception;
use crate::faults::{self, Plan, StreamParts, Variation};
use crate::frames;
use crate::state::State as Shared;
use counts::Counts;
use dialect::{Dialect, Said};
use settings::Settings;

pub(crate) use family::Family;
pub(crate) use input::Input;

const CHUNK: &str = "chunk";

/// `POST /model/{modelId}/invoke`
pub(crate) async fn invoke(
    State(state): State<Arc<Shared>>,
    Path(model_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Outcome {
    whole(&model_id, &headers, &body, &state).await.unwrap_or_else(|outcome| outcome)
}

/// `POST /model/{modelId}/invoke-with-response-stream`
pub(crate) async fn invoke_with_response_stream(
    State(state): State<Arc<Shared>>,
    Path(model_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Outcome {
    streamed(&model_id, &headers, &body, &state).await.unwrap_or_else(|outcome| outcome)
}

async fn whole(model_id: &str, headers: &HeaderMap, body: &[u8], state: &Shared) -> Result<Outcome, Outcome> {
    let plan = faults::admit(model_id, state).await?;
    let settings = Settings::read(headers)?;
    let input = Input::parse(body)?;
    let (answer, counts) = match Family::of(model_id, &input)? {
        Family::Talks(dialect) => {
            let turn = answered(dialect, model_id, &input, &settings, &plan, state)?;
            let mut answer = dialect.answer(&Said::new(model_id, body, &input, &turn));
            if settings.guardrail.is_some() {
                extras::add_guardrail(&mut answer, &turn);
            }
            (answer, Counts::of(&turn, dialect.caches()))
        }
        Family::Makes(make) => {
            let made = make(model_id, &input)?;
            (made.body, Counts::made(made.input_tokens))
        }
    };
    let outcome = plan.unary(model_id, answer.into_bytes());
    Ok(with_headers(outcome, counts.headers().chain(settings.echoed())))
}

async fn streamed(model_id: &str, headers: &HeaderMap, body: &[u8], state: &Shared) -> Result<Outcome, Outcome> {
    let plan = faults::admit(model_id, state).await?;
    let settings = Settings::read(headers)?;
    let input = Input::parse(body)?;
    let unsupported = || Exception::validation("The model is unsupported for streaming.");
    let Family::Talks(dialect) = Family::of(model_id, &input)? else {
        return Err(unsupported().into());
    };
    let turn = answered(dialect, model_id, &input, &settings, &plan, state)?;
    let chunks = dialect.chunks(&Said::new(model_id, body, &input, &turn));
    let mut chunks = chunks.ok_or_else(unsupported)?;
    if let Some(last) = chunks.last_mut() {
        // Where a guardrail has answered, there was no invocation to measure.
        if !plan.is(Variation::NoMetadata) && !turn.is_blocked() {
            extras::add_metrics(last, &Counts::of(&turn, dialect.caches()));
        }
        if settings.guardrail.is_some() {
            extras::add_guardrail(last, &turn);
        }
    }
    let mut frames: Vec<Bytes> = chunks.iter().map(|chunk| frame(chunk)).collect();
    if plan.is(Variation::UnknownEvent) {
        frames.insert(frames.len().min(1), frames::event("futureEvent", br#"{"answer": 42, "p": "abc"}"#));
    }
    let outcome = plan.stream(StreamParts { frames, delta_type: CHUNK });
    let content_type = ("x-amzn-bedrock-content-type", JSON.to_owned());
    Ok(with_headers(outcome, [content_type].into_iter().chain(settings.echoed())))
}

fn answered(
    dialect: &dyn Dialect,
    model_id: &str,
    input: &Input<'_>,
    settings: &Settings,
    plan: &Plan,
    state: &Shared,
) -> Result<Turn, Exception> {
    let body = dialect.conversation(input)?.with_settings(settings).into_body();
    let request = read(dialect, &body)?;
    Ok(converse::respond(model_id, &body, &request, plan, state))
}

/// Reads what a dialect has translated; what it let through unread may be wrong in itself.
fn read<'a>(dialect: &dyn Dialect, body: &'a [u8]) -> Result<ConverseRequest<'a>, Exception> {
    // InvokeModel knows no SerializationException: the body is no structure of its own.
    let malformed = |error: Exception| match error.name {
        "ValidationException" => error,
        _ => Exception::validation("Malformed input request, please reformat your input and try again."),
    };
    let request = ConverseRequest::parse(body).map_err(malformed)?;
    dialect.check(&request).map_err(malformed)?;
    Ok(request)
}

/// How many tokens a body has, as the usage of its answer would say; `None` for models that don't talk.
pub(crate) fn input_tokens(model_id: &str, body: &[u8]) -> Result<Option<usize>, Exception> {
    let input = Input::parse(body)?;
    let Family::Talks(dialect) = Family::of(model_id, &input)? else {
        return Ok(None);
    };
    let body = dialect.conversation(&input)?.into_body();
    Ok(Some(converse::input_tokens(&read(dialect, &body)?)))
}

/// A PayloadPart: its bytes are the model's JSON.
fn frame(chunk: &str) -> Bytes {
    let payload = format!("{{\"bytes\":\"{}\"}}", STANDARD.encode(chunk));
    frames::event(CHUNK, frames::padded(payload).as_bytes())
}

/// Headers of an answer that is none of the faults' own.
fn with_headers(outcome: Outcome, headers: impl Iterator<Item = (&'static str, String)>) -> Outcome {
    match outcome {
        Outcome::Answer(answer) if answer.status == StatusCode::OK => {
            let answer = headers.fold(answer, |answer, (name, value)| answer.with_header(name, &value));
            Outcome::Answer(answer)
        }
        other => other,
    }
}
