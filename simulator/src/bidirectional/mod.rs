//! InvokeModelWithBidirectionalStream: an echo. Each `chunk` that comes in goes out again, as it comes.

mod echo;
mod input;

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, Request, State};

use crate::answer::Outcome;
use crate::exception::Exception;
use crate::faults;
use crate::state::State as Shared;

pub(crate) use echo::Echo;

/// `POST` here is the operation.
pub(crate) const PATH: &str = "/model/{model_id}/invoke-with-bidirectional-stream";
const LAST_SEGMENT: &str = "/invoke-with-bidirectional-stream";

/// An echo on its way from the route to the connection. (What travels as a response extension must be cloneable.)
#[derive(Clone, Debug)]
pub(crate) struct Live(Arc<Mutex<Option<Echo>>>);

impl Live {
    fn new(echo: Echo) -> Self {
        Self(Arc::new(Mutex::new(Some(echo))))
    }

    /// Once.
    pub(crate) fn take(&self) -> Option<Echo> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Whether a request's body may still be arriving while it is answered.
pub(crate) fn is_path(path: &str) -> bool {
    path.ends_with(LAST_SEGMENT)
}

/// Answers at once, before any input.
pub(crate) async fn invoke(
    State(state): State<Arc<Shared>>,
    Path(model_id): Path<String>,
    request: Request,
) -> Outcome {
    if request.version() != http::Version::HTTP_2 {
        return Exception::validation("InvokeModelWithBidirectionalStream is available over HTTP/2 only.").into();
    }
    match faults::admit(&model_id, &state).await {
        Ok(plan) => Outcome::Live(Live::new(Echo::new(request.into_body(), plan))),
        Err(outcome) => outcome,
    }
}
