//! Calls whose response is a stream of events.
//!
//! The gateway sends the response headers only after Bedrock's first event. gRPC clients may retry a call only until headers
//! arrive (gRFC A6), so a failure before the first event must be trailers-only. From then on the caller's polls drive the
//! decoder.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, stream};
use tonic::{Request, Response, Status};

use super::events::{EventReader, StreamEvent};
use super::metadata::insert_initial_metadata;
use super::prepare::{PreparedRequest, prepare_request};
use super::request::UpstreamRequest;
use super::timeout::with_timeout;
use crate::call::Phase;
use crate::error::Failure;
use crate::routing::Bedrock;

/// A stream of response messages as tonic expects it.
pub(super) type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Sends the request to Bedrock and streams the response.
pub(super) async fn run_stream<R: UpstreamRequest, E: StreamEvent>(
    bedrock: &Bedrock,
    request: Request<R>,
) -> Result<Response<ResponseStream<E::Message>>, Status> {
    let prepared = prepare_request(bedrock, request)?;
    let PreparedRequest { call, authorized, .. } = &prepared;
    let timeouts = call.settings.timeouts;
    let outcome = call.run_with_retries(authorized.candidates(), async |target| {
        let attempt = async {
            let response = prepared.send(target).await?;
            call.on_response_headers(&response.headers);
            let mut events = EventReader::<E>::new(Arc::clone(call), response.body);
            let first = events.next().await?;
            Ok((response.headers, first, events))
        };
        with_timeout(timeouts.first_event, Failure::FirstEventTimeout, attempt).await
    });
    let (headers, first, events) = outcome.await.map_err(|failure| call.record_failure(&failure))?;
    call.on_first_event();
    call.update(|record| record.context.phase = Phase::Stream);
    let messages: ResponseStream<_> = match first {
        Some(first) => Box::pin(events.into_messages(Some(first), Some(timeouts.idle))),
        // A stream may be complete without an event.
        None => Box::pin(stream::empty()),
    };
    let mut response = Response::new(messages);
    insert_initial_metadata(call, &headers, response.metadata_mut());
    Ok(response)
}
