//! A call with one answer.

use tonic::{Request, Response, Status};

use super::prepare::{Prepared, prepare};
use super::{Answered, Ask, initial_metadata, learn, within};
use crate::bedrock::Upstream;
use crate::error::Failure;

/// Asks Bedrock and returns its whole answer.
pub(super) async fn run<Q: Ask, A: Answered>(upstream: &Upstream, request: Request<Q>) -> Result<Response<A>, Status> {
    let Prepared { call, target, operation, body } = prepare(upstream, request)?;
    let asked = call.attempts(upstream, &target, async || {
        let answered = async {
            let answer = upstream.send(&operation, &target, body.clone()).await?;
            call.answered(&answer.headers);
            let body = answer.body.whole().await?;
            call.first_event();
            Ok((A::read(&answer.headers, body)?, answer.headers))
        };
        within(call.policy.timeouts.answer, Failure::AnswerTimeout, answered).await
    });
    let (answer, headers) = asked.await.map_err(|failure| call.fail(&failure))?;
    learn(&call, &answer);
    let mut response = Response::new(answer);
    initial_metadata(&call, &headers, response.metadata_mut());
    Ok(response)
}
