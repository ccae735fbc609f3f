//! Three operations of the control plane (AWS's service `bedrock`), on the same port as the runtime: what may be called.
//!
//! The catalogue is made up. The runtime does not keep to it: there, any model id with a dot is a model.

mod catalogue;
mod models;
mod profiles;

use axum::extract::{Path, RawQuery};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::answer::{Answer, Outcome};
use crate::exception::Exception;
use crate::query::Query;
use crate::region::region;

/// `GET /foundation-models`
pub(crate) async fn list_foundation_models(headers: HeaderMap, RawQuery(query): RawQuery) -> Outcome {
    outcome(models::list(&Query::parse(query.as_deref()), region(&headers)))
}

/// `GET /foundation-models/{modelIdentifier}`
pub(crate) async fn get_foundation_model(headers: HeaderMap, Path(identifier): Path<String>) -> Outcome {
    outcome(models::get(&identifier, region(&headers)))
}

/// `GET /inference-profiles`
pub(crate) async fn list_inference_profiles(headers: HeaderMap, RawQuery(query): RawQuery) -> Outcome {
    outcome(profiles::list(&Query::parse(query.as_deref()), region(&headers)))
}

fn outcome(answer: Result<impl Serialize, Exception>) -> Outcome {
    match answer {
        Ok(answer) => Answer::json(StatusCode::OK, serde_json::to_vec(&answer).unwrap_or_default()).into(),
        Err(exception) => exception.into(),
    }
}
