//! A call with one answer.

use bedrock_grpc_schema::json;
use serde::de::DeserializeOwned;
use tonic::{Request, Response, Status};

use super::{Ask, Prepared, Report, initial_metadata, learn, prepare};
use crate::telemetry;
use crate::upstream::{Operation, Upstream};

/// Asks `operation` and returns its whole answer.
pub(super) async fn run<Q: Ask, A: DeserializeOwned + Report>(
    upstream: &Upstream,
    operation: Operation,
    request: Request<Q>,
) -> Result<Response<A>, Status> {
    let Prepared { call, target, body } = prepare(upstream, request)?;
    let asked = call.attempts(upstream, &target, async |_| {
        let answer = upstream.send(operation, &target, body.clone()).await?;
        call.answered(&answer.headers);
        let body = answer.body.whole().await?;
        call.first_event();
        Ok(json::decode::<A>(&body, telemetry::unknown_member)?)
    });
    match asked.await {
        Ok(answer) => {
            learn(&call, &answer);
            let mut response = Response::new(answer);
            initial_metadata(&call, response.metadata_mut());
            Ok(response)
        }
        Err(failure) => Err(call.fail(&failure)),
    }
}
