//! StartAsyncInvoke, GetAsyncInvoke and ListAsyncInvokes: jobs that run for as long as nobody looks twice.

mod job;
mod jobs;
mod list;
mod start;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::answer::{Answer, Outcome};
use crate::exception::Exception;
use crate::faults::{self, Variation};
use crate::json::parse;
use crate::query::Query;
use crate::region::region;
use crate::state::State as Shared;

pub(crate) use jobs::Jobs;
use start::StartRequest;

/// `POST /async-invoke`
pub(crate) async fn start(State(state): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Outcome {
    match started(&state, region(&headers), &body).await {
        Ok(outcome) | Err(outcome) => outcome,
    }
}

/// `GET /async-invoke/{invocationArn}`
pub(crate) async fn get(State(state): State<Arc<Shared>>, Path(arn): Path<String>) -> Outcome {
    match state.jobs().look_at(&arn) {
        Ok(job) => whole(job),
        Err(exception) => exception.into(),
    }
}

/// `GET /async-invoke`
pub(crate) async fn list(State(state): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Outcome {
    match list::Filter::of(&Query::parse(query.as_deref())) {
        Ok(filter) => whole(list::page(&state.jobs(), &filter)),
        Err(exception) => exception.into(),
    }
}

/// The model id stands in the body here, so that the body's shape comes before the model's faults.
async fn started(state: &Shared, region: &str, body: &[u8]) -> Result<Outcome, Outcome> {
    let request: StartRequest<'_> = parse(body)?;
    let model_id = request.model_id.as_deref().unwrap_or_default();
    let plan = match model_id {
        "" => Default::default(),
        model_id => faults::admit(model_id, state).await?,
    };
    let order = start::check(&request, region, body, plan.is(Variation::AsyncFailed))?;
    let arn = state.jobs().start(order)?;
    // A job whose answer is lost has begun all the same: the same token finds it again.
    Ok(plan.unary(model_id, json!({ "invocationArn": arn }).to_string().into_bytes()))
}

fn whole(answer: impl serde::Serialize) -> Outcome {
    match serde_json::to_vec(&answer) {
        Ok(body) => Answer::json(StatusCode::OK, body).into(),
        Err(error) => {
            Exception::new("InternalServerException", StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into()
        }
    }
}
