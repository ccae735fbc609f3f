//! CountTokens: a request's input tokens, as the usage of its answer would say (those that the prompt cache holds
//! included: there is no answer that could have read them).

use std::sync::Arc;

use axum::extract::{Path, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::answer::Outcome;
use crate::converse::{self, ConverseRequest};
use crate::exception::Exception;
use crate::faults;
use crate::invoke_model::{self, Family, Input};
use crate::json::{Text, union};
use crate::model_id;
use crate::state::State as Shared;

#[derive(Deserialize)]
struct CountTokensRequest<'a> {
    #[serde(borrow)]
    input: Option<CountTokensInput<'a>>,
}

union! {
    CountTokensInput<'a> {
        "invokeModel" => InvokeModel(InvokeModelTokensRequest<'a>),
        "converse" => Converse(&'a RawValue),
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct InvokeModelTokensRequest<'a> {
    /// What would be InvokeModel's body, in base64.
    #[serde(borrow)]
    body: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CountTokensResponse {
    input_tokens: usize,
}

/// `POST /model/{modelId}/count-tokens`
pub(crate) async fn count_tokens(
    State(state): State<Arc<Shared>>,
    Path(model_id): Path<String>,
    body: Bytes,
) -> Outcome {
    let plan = match faults::admit(&model_id, &state).await {
        Ok(plan) => plan,
        Err(outcome) => return outcome,
    };
    match count(&model_id, &body) {
        Ok(input_tokens) => {
            let answer = serde_json::to_vec(&CountTokensResponse { input_tokens });
            plan.unary(&model_id, answer.unwrap_or_default())
        }
        Err(exception) => exception.into(),
    }
}

fn count(model_id: &str, body: &[u8]) -> Result<usize, Exception> {
    let request: CountTokensRequest<'_> = serde_json::from_slice(body)
        .map_err(|error| Exception::serialization(format!("The request body could not be read: {error}")))?;
    // Tokens are those of a model: a profile, which stands for the same model in several Regions, is refused, too.
    if model_id::is_profile(model_id) {
        return Err(unsupported());
    }
    match request.input {
        None => Err(missing("input")),
        Some(CountTokensInput::Converse(raw)) => {
            talks(model_id)?;
            let request = ConverseRequest::parse(raw.get().as_bytes())?;
            converse::check(model_id, &request)?;
            Ok(converse::input_tokens(&request))
        }
        Some(CountTokensInput::InvokeModel(request)) => {
            let body = request.body.ok_or_else(|| missing("input.invokeModel.body"))?;
            let body = STANDARD
                .decode(body.as_bytes())
                .map_err(|_| Exception::serialization("The value at input.invokeModel.body is not valid base64."))?;
            invoke_model::input_tokens(model_id, &body)?.ok_or_else(unsupported)
        }
        Some(CountTokensInput::Unrecognized | CountTokensInput::Empty) => Err(Exception::validation(format!(
            "The CountTokensInput object at input must set one of the following keys: {}.",
            CountTokensInput::MEMBERS.join(", ")
        ))),
    }
}

/// Refuses models that make something other than words. Converse takes any model id, and so does this.
fn talks(model_id: &str) -> Result<(), Exception> {
    match Family::of(model_id, &Input::parse(b"{}")?) {
        Ok(Family::Makes(_)) => Err(unsupported()),
        _ => Ok(()),
    }
}

fn missing(path: &str) -> Exception {
    let mut found = converse::Constraints::default();
    found.required(&None::<()>, path);
    found.result().err().unwrap_or_else(|| Exception::validation(path.to_owned()))
}

fn unsupported() -> Exception {
    Exception::validation("The provided model doesn't support counting tokens.")
}
