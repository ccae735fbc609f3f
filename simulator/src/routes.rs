//! Which path is which operation.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::answer::Outcome;
use crate::async_invoke;
use crate::bidirectional;
use crate::control;
use crate::converse;
use crate::count_tokens;
use crate::exception::Exception;
use crate::guardrail;
use crate::invoke_model;
use crate::state::State;

/// The operations' paths are those of the API's model. axum decodes `{model_id}` (`%3A`, `%2F`) after matching, so an
/// ARN with encoded slashes is one segment.
pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/model/{model_id}/converse", post(converse::converse))
        .route("/model/{model_id}/converse-stream", post(converse::converse_stream))
        .route("/model/{model_id}/invoke", post(invoke_model::invoke))
        .route("/model/{model_id}/invoke-with-response-stream", post(invoke_model::invoke_with_response_stream))
        .route("/model/{model_id}/count-tokens", post(count_tokens::count_tokens))
        .route(bidirectional::PATH, post(bidirectional::invoke))
        .route("/guardrail/{identifier}/version/{version}/apply", post(guardrail::apply))
        .route("/guardrail-checks/invoke", post(guardrail::invoke))
        .route("/async-invoke", post(async_invoke::start).get(async_invoke::list))
        .route("/async-invoke/{invocation_arn}", get(async_invoke::get))
        .route("/foundation-models", get(control::list_foundation_models))
        .route("/foundation-models/{identifier}", get(control::get_foundation_model))
        .route("/inference-profiles", get(control::list_inference_profiles))
        .fallback(unknown_operation)
        .method_not_allowed_fallback(unknown_operation)
        // The listener bounds bodies already, at far more than axum's 2 MB.
        .layer(DefaultBodyLimit::disable())
        .with_state(state)
}

async fn unknown_operation() -> Outcome {
    Exception::unknown_operation().into()
}
