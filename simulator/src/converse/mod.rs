//! Converse and ConverseStream.
//!
//! A request is admitted (its model id may ask for a fault), parsed, validated, answered by [`model`] and counted by
//! [`usage`]; the answer then goes out as one JSON text or as events.

mod content;
mod guardrail;
mod limits;
mod model;
mod request;
mod response;
mod stream;
mod tools;
mod usage;
mod validate;

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;

use crate::answer::Outcome;
use crate::faults::{self, Plan, StreamParts, Variation};
use crate::state::State as Shared;

pub(crate) use request::ConverseRequest;
pub(crate) use response::{Block, Turn};
pub(crate) use stream::{events, fragments, pieces};
pub(crate) use usage::{Usage, total as input_tokens};
pub(crate) use validate::{Constraints, check};

/// `POST /model/{modelId}/converse`
pub(crate) async fn converse(State(state): State<Arc<Shared>>, Path(model_id): Path<String>, body: Bytes) -> Outcome {
    match answer(&model_id, &body, &state).await {
        Ok((turn, plan)) => plan.unary(&model_id, turn.unary()),
        Err(outcome) => outcome,
    }
}

/// `POST /model/{modelId}/converse-stream`
pub(crate) async fn converse_stream(
    State(state): State<Arc<Shared>>,
    Path(model_id): Path<String>,
    body: Bytes,
) -> Outcome {
    match answer(&model_id, &body, &state).await {
        Ok((turn, plan)) => {
            let frames = stream::frames(&turn, &plan);
            plan.stream(StreamParts { frames, delta_type: "contentBlockDelta" })
        }
        Err(outcome) => outcome,
    }
}

async fn answer(model_id: &str, body: &[u8], state: &Shared) -> Result<(Turn, Plan), Outcome> {
    let plan = faults::admit(model_id, state).await?;
    let request = ConverseRequest::parse(body)?;
    check(model_id, &request)?;
    Ok((respond(model_id, body, &request, &plan, state), plan))
}

/// The turn that answers a request: what every operation with a model in it says. `body` is what `request` was
/// parsed from.
pub(crate) fn respond(model_id: &str, body: &[u8], request: &ConverseRequest<'_>, plan: &Plan, state: &Shared) -> Turn {
    let mut turn = model::answer(model_id, body, request);
    if !turn.is_blocked() {
        turn.count(usage::input(model_id, body, request, &mut state.prompt_cache()));
    }
    if plan.is(Variation::UnknownBlock) {
        turn.add_unknown_members();
    }
    turn
}
