//! Calls with one response.

use prost::Message;
use tonic::{Request, Response, Status};

use super::metadata::insert_initial_metadata;
use super::prepare::{PreparedRequest, prepare_request};
use super::request::UpstreamRequest;
use super::response::decode_response;
use super::timeout::with_timeout;
use super::usage::{ReportsUsage, record_usage};
use crate::error::Failure;
use crate::routing::Bedrock;

/// Responses from this size are compressed for callers that accept it. A smaller one fits a few packets, and gzip costs more
/// CPU than the whole call.
const MIN_COMPRESSED_BYTES: usize = 16 * 1024;

/// Responses above this size are not compressed: gzip would occupy a thread that serves other calls for tens of milliseconds.
/// Such responses are mostly images, which do not become smaller.
const MAX_COMPRESSED_BYTES: usize = 1024 * 1024;

/// Sends the request to Bedrock and returns the complete response.
pub(super) async fn run_unary<R: UpstreamRequest>(
    bedrock: &Bedrock,
    request: Request<R>,
) -> Result<Response<R::Response>, Status>
where
    R::Response: ReportsUsage + Message,
{
    let prepared = prepare_request(bedrock, request)?;
    let PreparedRequest { call, authorized, .. } = &prepared;
    let outcome = call.run_with_retries(authorized.candidates(), async |target| {
        let attempt = async {
            let response = prepared.send(target).await?;
            call.on_response_headers(&response.headers);
            let body = response.body.read_to_end().await?;
            call.on_first_event();
            Ok((decode_response::<R::Response>(&response.headers, body, call.options)?, response.headers))
        };
        with_timeout(call.settings.timeouts.response, Failure::ResponseTimeout, attempt).await
    });
    let (message, headers) = outcome.await.map_err(|failure| call.record_failure(&failure))?;
    record_usage(call, &message);
    let is_worth_compressing = (MIN_COMPRESSED_BYTES..=MAX_COMPRESSED_BYTES).contains(&message.encoded_len());
    let mut response = Response::new(message);
    if !is_worth_compressing {
        response.disable_compression();
    }
    insert_initial_metadata(call, &headers, response.metadata_mut());
    Ok(response)
}
