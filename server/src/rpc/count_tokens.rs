//! CountTokens.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html>

use bedrock_grpc_schema::json;
use bedrock_grpc_schema::runtime::v1::{CountTokensRequest, CountTokensResponse};
use bytes::Bytes;
use prost::Message as _;

use super::request::{UpstreamRequest, json_size_hint, require_path_member};
use super::response::json_response;
use super::usage::ReportsUsage;
use crate::bedrock::{Operation, Subject};
use crate::error::Failure;
use crate::telemetry::names;

impl UpstreamRequest for CountTokensRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        require_path_member("modelId", self.model_id.as_deref()).map(Subject::Model)
    }

    fn gen_ai_operation(&self) -> &'static str {
        names::COUNT_TOKENS
    }

    fn into_operation(self) -> Result<(Operation, Bytes), Failure> {
        Ok((Operation::CountTokens, json::encode(&self, json_size_hint(self.encoded_len()))?))
    }
}

json_response!(CountTokensResponse);
impl ReportsUsage for CountTokensResponse {}
